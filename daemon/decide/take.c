/* SPDX-License-Identifier: MIT */
/*
 * take: leads were taken for a campaign. Who is in was found out before (audience.c, asked by the gate of each lead in the same
 * transaction) and stands in the record, as numbers, so that a replay takes the same; here it is only taken apart. Feeds that ask for it
 * are told of each part with numbers alone: whoever reads them knows leads by number, and nothing of a person is left in a file.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

int decide_write_leads(const uint64_t *leads, size_t n, Text *out) {
        for (size_t i = 0; i < n;) {
                size_t last = i;
                while (last + 1 < n && leads[last + 1] == leads[last] + 1)
                        last++;
                text_printf(out, "%s%" PRIu64, i > 0 ? "," : "", leads[i]);
                if (last > i)
                        text_printf(out, "-%" PRIu64, leads[last]);
                i = last + 1;
        }
        return out->error;
}

static bool read_number(const char **at, uint64_t *ret) {
        char *end;

        if (**at < '0' || **at > '9')
                return false;
        errno = 0;
        *ret = strtoull(*at, &end, 10);
        *at = end;
        return errno == 0;
}

int decide_read_leads(const char *text, Arena *arena, uint64_t **ret, size_t *ret_n) {
        uint64_t *leads = ARENA_ARRAY(arena, uint64_t, DECIDE_TAKE_LEADS_MAX);
        size_t n = 0;

        if (!leads)
                return -ENOMEM;
        for (const char *at = text ? text : ""; *at;) {
                uint64_t first, last;
                if (!read_number(&at, &first))
                        return RECORD_E_CORRUPT;
                last = first;
                if (*at == '-' && (at++, !read_number(&at, &last)))
                        return RECORD_E_CORRUPT;
                if (first == 0 || last < first || (n > 0 && first <= leads[n - 1]) || last - first >= DECIDE_TAKE_LEADS_MAX - n)
                        return RECORD_E_CORRUPT;
                while (first <= last)
                        leads[n++] = first++;
                if (*at == ',' && at[1])
                        at++;
                else if (*at)
                        return RECORD_E_CORRUPT;
        }
        *ret = leads;
        *ret_n = n;
        return 0;
}

static int tell(Deciding *deciding) {
        const TakenPart *taken = &deciding->out->taken;
        char time[TIME_TEXT_SIZE];

        for (size_t i = 0; i < deciding->rules->n_feeds; i++) {
                const Feed *feed = &deciding->rules->feeds[i];
                Effect effect = { .kind = EFFECT_AUDIENCE, .channel = feed->rule.name, .via = feed->via, .rule = taken->campaign };
                _cleanup_(text_free) Text text = { 0 };
                if (!effects_feed_wants(feed, "audience"))
                        continue;
                text_printf(&text,
                        "{\"specversion\":\"1.0\",\"id\":\"%" PRIu64
                        "-%zu\",\"source\":\"leadd\",\"type\":\"org.leadd.audience\",\"time\":\"%s\",\"data\":{\"campaign\":",
                        deciding->input->event_id, deciding->out->n_effects, time_format_rfc3339(deciding->input->now_us, time));
                effects_append_string(&text, taken->campaign);
                text_printf(&text, ",\"take\":%" PRIu64 ",\"by\":", taken->take);
                effects_append_string(&text, deciding->input->actor);
                text_printf(&text, ",\"n\":%zu,\"last\":%s,\"leads\":[", taken->n_leads, taken->is_last ? "true" : "false");
                for (size_t k = 0; k < taken->n_leads; k++)
                        text_printf(&text, "%s\"L-%" PRIu64 "\"", k > 0 ? "," : "", taken->leads[k]);
                text_append(&text, "]}}");
                effect.body = deciding_keep(deciding, &text);
                int r = effect.body ? effects_add(deciding, effect) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

int take_decide(Deciding *deciding) {
        const Facts *facts = &deciding->input->record->facts;
        const char *campaign = facts_text(facts, FIELD_CAMPAIGN_NAME), *leads = facts_text(facts, FIELD_CAMPAIGN_LEADS);
        const Value *take = facts_get(facts, FIELD_CAMPAIGN_TAKE, NULL), *last = facts_get(facts, FIELD_CAMPAIGN_IS_LAST, NULL);
        TakenPart *taken = &deciding->out->taken;
        uint64_t *in, *dropped;

        int r = decide_read_leads(leads, deciding->arena, &in, &taken->n_leads);
        if (r == 0)
                r = decide_read_leads(facts_text(facts, FIELD_CAMPAIGN_DROPPED), deciding->arena, &dropped, &taken->n_dropped);
        if (r < 0)
                return r;
        if (r != 0 || !campaign || !base_streq(deciding->input->record->event, "taken"))
                return deciding_refuse(deciding, "bad_record", "no take of a campaign");
        taken->campaign = campaign;
        taken->take = take && take->integer > 0 ? (uint64_t) take->integer : deciding->input->event_id;
        taken->leads = in;
        taken->dropped = dropped;
        taken->is_last = last && last->boolean;
        r = tell(deciding);
        if (r < 0)
                return r;
        return deciding_summarise(deciding, "%zu lead%s taken for %s by %s%s", taken->n_leads, taken->n_leads == 1 ? "" : "s", campaign,
                deciding->input->actor, taken->is_last ? "" : "; more to come");
}
