#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * messages: the ids of journal messages, explained in contrib/leadd.catalog.
 * An id is never reused or changed.
 */
#define MESSAGE_STARTED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a01"         /* the daemon is ready */
#define MESSAGE_STOPPING "5b0c2fa9a6c84d6e8f3bb51f3f0a6a02"        /* the daemon stops in good order */
#define MESSAGE_FILE_FINISHED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a03"   /* LEAD_FILE, counts */
#define MESSAGE_FILE_ASIDE "5b0c2fa9a6c84d6e8f3bb51f3f0a6a04"      /* a spool entry was set aside */
#define MESSAGE_MOVED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a05"           /* LEAD_ID LEAD_FROM LEAD_TO LEAD_RULE */
#define MESSAGE_ASSIGNED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a06"        /* LEAD_ID LEAD_OWNER LEAD_RULE */
#define MESSAGE_REMINDED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a07"        /* LEAD_ID LEAD_OWNER LEAD_RULE */
#define MESSAGE_SENT "5b0c2fa9a6c84d6e8f3bb51f3f0a6a50"            /* LEAD_ID LEAD_RULE: a track sends something to the lead itself */
#define MESSAGE_HELD "5b0c2fa9a6c84d6e8f3bb51f3f0a6a08"            /* LEAD_ID LEAD_RULE: nobody could take it, or a rule broke */
#define MESSAGE_REFUSED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a09"         /* a person's move was refused */
#define MESSAGE_RULES_LOADED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a0a"    /* LEAD_RULESET */
#define MESSAGE_RULES_REFUSED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a0b"   /* the running rules stay */
#define MESSAGE_RULE_FAILED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a0c"     /* LEAD_RULE: a function broke or overran its budget */
#define MESSAGE_DISK_FULL "5b0c2fa9a6c84d6e8f3bb51f3f0a6a0d"       /* intake stops, answers go on */
#define MESSAGE_CLOCK_JUMPED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a0e"    /* the machine's clock was set */
#define MESSAGE_DELIVERY_FAILED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a0f" /* an outbox row could not be delivered */
#define MESSAGE_RULE_SUSPENDED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a10"  /* LEAD_RULE: it overran its budget too often */
#define MESSAGE_RULES_REDERIVED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a11" /* LEAD_RULESET: all leads went through the new rules */
#define MESSAGE_RULES_TESTS "5b0c2fa9a6c84d6e8f3bb51f3f0a6a12"     /* LEAD_RULESET: tests of the running rules fail */
#define MESSAGE_DELIVERY_DEAD "5b0c2fa9a6c84d6e8f3bb51f3f0a6a20"   /* an outbox row was given up: a person decides */
#define MESSAGE_CHANNEL_BROKEN "5b0c2fa9a6c84d6e8f3bb51f3f0a6a21"  /* a channel fails again and again and is left alone for a while */
#define MESSAGE_ANSWER_REFUSED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a30"  /* LEAD_ID LEAD_REASON: a mail's token is forged, used or expired */
#define MESSAGE_LEAKS "5b0c2fa9a6c84d6e8f3bb51f3f0a6a50"           /* LEAD_LEAKS: once a day, how many leads leak */
#define MESSAGE_TAKEN "5b0c2fa9a6c84d6e8f3bb51f3f0a6a41"           /* LEAD_CAMPAIGN, LEAD_ACTOR: an audience was taken, or a part of it */
#define MESSAGE_ERASED "5b0c2fa9a6c84d6e8f3bb51f3f0a6a40"          /* the files of the spool were gone through for an erasure */
