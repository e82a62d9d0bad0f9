/* SPDX-License-Identifier: MIT */
/*
 * reads: what a compiled condition has to read of a lead. An audience is asked of a million leads of which only their rows are at hand:
 * whoever asks loads what the bits name, and nothing else. Too many bits cost time; one too few would be a wrong answer, so whatever is
 * not known here reads everything.
 */
#include "condition.h"
#include "leadd/plans.h"

static unsigned reads_of_field(FieldId field) {
        switch (field) {
        case FIELD_CONSENT:
                return READS_CONSENT;
        case FIELD_OPPORTUNITY_ID:
        case FIELD_OPPORTUNITY_STAGE:
        case FIELD_OPPORTUNITY_PROBABILITY:
        case FIELD_OPPORTUNITY_AMOUNT:
        case FIELD_OPPORTUNITY_CURRENCY:
        case FIELD_OPPORTUNITY_CLOSE_DATE:
        case FIELD_OPPORTUNITY_STATE:
        case FIELD_OPPORTUNITY_OPENED:
        case FIELD_OPPORTUNITY_CHANGED:
        case FIELD_OPPORTUNITY_STAGED:
                return READS_OPPORTUNITY;
        default:
                return READS_PROFILE;
        }
}

static unsigned reads_of(const Ref *ref) {
        switch (ref->kind) {
        case REF_FIELD:
                return reads_of_field(ref->field);
        case REF_COUNTRY:
                return READS_PROFILE;
        case REF_SOURCE:
                return READS_SOURCE;
        case REF_TEST:
                return READS_TEST;
        case REF_STATUS:
        case REF_TEAM:
                return READS_STATUS;
        case REF_OWNER:
                return READS_OWNER;
        case REF_TRACK:
                return READS_TRACK;
        case REF_SEGMENT:
                return READS_SEGMENT;
        case REF_GRADE:
                return READS_GRADE | READS_NOW; /* points fall */
        case REF_GROUP:
                return READS_POINTS | READS_NOW;
        case REF_IDLE:
                return READS_IDLE | READS_NOW;
        case REF_AGE:
                return READS_AGE | READS_NOW;
        case REF_IN_STATUS:
                return READS_IN_STATUS | READS_NOW;
        case REF_SINCE:
                return reads_of_field(ref->field) | READS_NOW;
        case REF_ACTIVITY_TYPE:
        case REF_ACTIVITY_NAME:
        case REF_ACTIVITY_FIELD:
                return 0; /* of the activity at hand */
        }
        return ~0U;
}

unsigned policy_reads(const Condition *condition) {
        unsigned reads = 0;

        if (!condition)
                return 0;
        switch (condition->type) {
        case NODE_MATCH:
                return reads_of(&condition->ref);
        case NODE_DID:
                return READS_HISTORY | (condition->did->within_us > 0 ? READS_NOW : 0) |
                       (condition->did->since_move ? READS_SINCE_MOVE : 0);
        case NODE_FUNCTION:
                return READS_FUNCTION | (condition->function.takes_now ? READS_NOW : 0);
        case NODE_ALL:
        case NODE_ANY:
        case NODE_NONE:
                for (uint32_t i = 0; i < condition->n_children; i++)
                        reads |= policy_reads(&condition->children[i]);
                return reads;
        }
        return ~0U;
}
