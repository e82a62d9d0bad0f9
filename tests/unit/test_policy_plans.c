/* SPDX-License-Identifier: MIT */
/*
 * Campaigns, tracks, stages and targets: what a rule file says of them is what is there after loading, whatever makes no sense is an error
 * at its line, and a condition says what it has to read of a lead.
 */
#include "test_policy_directory.h"

#include "leadd/plans.h"

/* A ground with a team of no members, statuses that marketing may and may not write in, a message to the lead and one to members. */
#define GROUND \
        "calendar \"c\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n" \
        "team \"queue\" { }\n" \
        "team \"desk\" { calendar = \"c\", head = \"anna\", members = { anna = { user = \"anna\", email = \"anna@example.com\" } } }\n" \
        "status \"new\" { team = \"queue\", initial = true, marketing_may_contact = true }\n" \
        "status \"mql\" { team = \"desk\", kind = \"sla\" }\n" \
        "status \"opportunity\" { team = \"desk\" }\n" \
        "status \"customer\" { team = \"desk\", kind = \"final\", marketing_may_contact = true }\n" \
        "move \"take\" { from = \"new\", to = \"mql\", by = \"rules\", when = { did{ type = \"form_submitted\" } } }\n" \
        "move \"open\" { from = \"mql\", to = \"opportunity\", by = \"owner\" }\n" \
        "move \"meeting_booked\" { from = \"mql\", to = \"mql\", by = \"owner\" }\n" \
        "move \"close\" { from = \"opportunity\", to = \"customer\", by = \"owner\", alias = \"won\" }\n" \
        "move \"reject\" { from = { \"mql\", \"opportunity\" }, by = \"owner\", reasons = { \"not_now\" } }\n" \
        "reason \"not_now\" { to = \"new\" }\n" \
        "route \"all\" { team = \"desk\" }\n" \
        "sla \"answer\" { status = \"mql\", within = \"4h\", steps = { { at = \"4h\", every = \"1wd\", remind = \"owner\" } } }\n" \
        "segment \"big\" { when = { [\"company.employees\"] = ge(1000) } }\n" \
        "group \"fit\" { } group \"engagement\" { half_life = \"30d\" }\n" \
        "score \"SIZE\" { group = \"fit\", when = { segment = \"big\" }, points = 80 }\n" \
        "score \"CALL\" { group = \"engagement\", on = { type = \"call_made\" }, each = 20, cap = 100 }\n" \
        "grade \"G\" { fit = { A = 50, B = 0 }, engagement = { [\"1\"] = 50, [\"2\"] = 0 } }\n" \
        "channel \"log\" { via = \"journal\" }\n" \
        "channel \"out\" { via = \"drop\" }\n" \
        "channel \"mail\" { via = \"sendmail\", from = \"a@example.com\" }\n" \
        "message \"reminder\" { channel = \"log\", subject = \"s\", body = \"b\" }\n" \
        "message \"welcome\" { channel = \"mail\", to = \"lead\", from = \"rep\", subject = \"s\", body = \"b\" }\n" \
        "segment \"aside\" { when = { [\"person.title\"] = \"aside\" } }\n" \
        "track \"aside\" { enter = { segment = \"aside\" }, steps = { { wait = \"1d\", send = \"welcome\" } } }\n"

/* The rules beside the ground, in b.lua; the report, for the caller to free. */
static char *load(const char *rules, RuleSet **ret) {
        Directory directory;

        directory_open(&directory);
        directory_write_text(&directory, "a.lua", GROUND);
        directory_write_text(&directory, "b.lua", rules);
        char *report = directory_load(&directory, 0, ret);
        directory_close(&directory);
        return report;
}

static RuleSet *load_good(const char *rules) {
        RuleSet *loaded = NULL;
        char *report = load(rules, &loaded);

        assert_string_equal(report, "");
        assert_non_null(loaded);
        free(report);
        return loaded;
}

/* ---- mistakes ---- */

/* Data, one case a paragraph: not for a formatter. */
/* clang-format off */
static const struct {
        const char *rules, *want;
} faults[] = {
        { "campaign \"x\" { }",
          "b.lua:1: campaign \"x\": \"owner\" is missing\n"
          "b.lua:1: campaign \"x\": \"include\" is missing\n" },
        { "campaign \"x\" { owner = \"quueue\", include = { segment = \"big\" } }",
          "b.lua:1: campaign \"x\": unknown team \"quueue\"; did you mean \"queue\"?\n" },
        { "campaign \"x\" { owner = \"queue\", inlcude = { segment = \"big\" } }",
          "b.lua:1: campaign \"x\": unknown key \"inlcude\"; did you mean \"include\"?\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"bg\" } }",
          "b.lua:1: campaign \"x\": unknown segment \"bg\"; did you mean \"big\"?\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, exclude = { status = \"neew\" } }",
          "b.lua:1: campaign \"x\": unknown status \"neew\"; did you mean \"new\"?\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, priority = \"high\" }",
          "b.lua:1: campaign \"x\": \"priority\" must be a whole number that is not negative, not \"high\"\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, from = \"March\" }",
          "b.lua:1: campaign \"x\": \"from\" must be a day such as \"2026-03-01\", not \"March\"\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, to = \"2026-02-30\" }",
          "b.lua:1: campaign \"x\": \"to\" must be a day such as \"2026-03-01\", not \"2026-02-30\"\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, from = 5 }",
          "b.lua:1: campaign \"x\": \"from\" must be a text, not 5\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, from = \"2026-05-31\", to = \"2026-05-30\" }",
          "b.lua:1: campaign \"x\": ends on 2026-05-30, before it begins (2026-05-31)\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, channel = \"log\" }",
          "b.lua:1: campaign \"x\": the journal gets no lead data: a campaign goes by mail, webhook, exec or drop\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, channel = \"mial\" }",
          "b.lua:1: campaign \"x\": unknown channel \"mial\"; did you mean \"mail\"?\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, at_most = 2 }",
          "b.lua:1: campaign \"x\": \"at_most\" must be a number and a time such as { 2, per = \"7d\" }, not a number\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, at_most = { 2 } }",
          "b.lua:1: campaign \"x\": \"at_most.per\" is missing\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, at_most = { 2, pre = \"7d\" } }",
          "b.lua:1: campaign \"x\": unknown key in \"at_most\": \"pre\"; did you mean \"per\"?\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, at_most = { 2, per = \"5wd\" } }",
          "b.lua:1: campaign \"x\": \"at_most.per\" cannot be in working days (\"5wd\"): they are for SLAs and recycle dates\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, at_most = { 0, per = \"7d\" } }",
          "b.lua:1: campaign \"x\": \"at_most\" begins with one number, 1 to 1000: { 2, per = \"7d\" }\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, at_most = { 2, 3, per = \"7d\" } }",
          "b.lua:1: campaign \"x\": \"at_most\" begins with one number, 1 to 1000: { 2, per = \"7d\" }\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, at_most = { 2, per = \"0d\" } }",
          "b.lua:1: campaign \"x\": \"at_most.per\" is nothing: the cap would never hold\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, purpose = \"\" }",
          "b.lua:1: campaign \"x\": \"purpose\" is the purpose of a consent, such as \"marketing\"\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, needs_consent = \"no\" }",
          "b.lua:1: campaign \"x\": \"needs_consent\" must be true or false, not \"no\"\n" },
        { "track \"x\" { }",
          "b.lua:1: track \"x\": \"enter\" is missing\n"
          "b.lua:1: track \"x\": \"steps\" is missing\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { } }",
          "b.lua:1: track \"x\": \"steps\" is empty: nothing would ever be sent\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { { send = \"welcome\" } } }",
          "b.lua:1: track \"x\": \"steps[1].wait\" is missing\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { { wait = \"0d\", send = \"welcom\" } } }",
          "b.lua:1: track \"x\": unknown message \"welcom\"; did you mean \"welcome\"?\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { { wait = \"0d\", send = \"reminder\" } } }",
          "b.lua:1: track \"x\": steps[1]: the message \"reminder\" is not for the lead: it needs to = \"lead\"\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { { wait = \"0d\", send = \"lost\" } } } message \"lost\" { channel = \"log\", to = \"lead\", subject = \"s\", body = \"b\" }",
          "b.lua:1: track \"x\": steps[1]: the message \"lost\" goes to the journal (channel \"log\"), which no lead reads\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { { wait = \"2wd\", send = \"welcome\" } } }",
          "b.lua:1: track \"x\": steps[1] waits working days, but the clock \"wall\" has none: clock = \"person\" or a calendar\n" },
        { "track \"x\" { enter = { status = \"new\" }, clock = \"c\", steps = { { wait = \"121wd\", send = \"welcome\" } } }",
          "b.lua:1: track \"x\": steps[1] waits more than 120 working days\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { { wait = \"401d\", send = \"welcome\" } } }",
          "b.lua:1: track \"x\": steps[1] waits more than 400 days\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { { wait = \"1d\", send = \"welcome\", at = \"9am\" } } }",
          "b.lua:1: track \"x\": \"steps[1].at\" must be a time of day such as \"08:30\", not \"9am\"\n" },
        { "track \"x\" { enter = { status = \"new\" }, clock = \"cc\", steps = { { wait = \"1d\", send = \"welcome\" } } }",
          "b.lua:1: track \"x\": unknown calendar in \"clock\": \"cc\"; did you mean \"c\"?\n" },
        { "track \"x\" { enter = { status = \"new\" }, calendar = \"c\", steps = { { wait = \"1d\", send = \"welcome\" } } }",
          "b.lua:1: track \"x\": \"calendar\" goes with clock = \"person\"; a calendar by itself is the clock: clock = \"NAME\"\n" },
        { "track \"x\" { enter = { status = \"new\" }, wake_on = { [\"person.title\"] = present }, steps = { { wait = \"1d\", send = \"welcome\" } } }",
          "b.lua:1: track \"x\": wake_on: \"person.title\" is about the lead; here only an activity can be asked: type, name, url, ...\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { \"welcome\" } }",
          "b.lua:1: track \"x\": \"steps[1]\" must be a table such as { wait = \"14d\", send = \"MESSAGE\" }, not a text\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = \"welcome\" }",
          "b.lua:1: track \"x\": \"steps\" must be a list of steps, not a text\n" },
        { "segment \"y\" { when = { track = \"x\" } }",
          "b.lua:1: segment \"y\": when: a segment cannot read \"track\": it is known only after segments and scores\n" },
        { "criterion \"y\" { when = { track = \"x\" } }",
          "b.lua:1: criterion \"y\": unknown track \"x\"\n" },
        { "stage \"x\" { }",
          "b.lua:1: stage \"x\": is reached by nobody: it needs \"status\", \"move\", or one of every, accepted, opportunity = true\n" },
        { "stage \"x\" { every = true, status = \"new\" }",
          "b.lua:1: stage \"x\": is reached by every lead (every = true): what else it names says nothing\n" },
        { "stage \"x\" { status = \"mqll\", move = \"tkae\" }",
          "b.lua:1: stage \"x\": unknown status \"mqll\"; did you mean \"mql\"?\n"
          "b.lua:1: stage \"x\": unknown move \"tkae\"; did you mean \"take\"?\n" },
        { "target \"x\" { }",
          "b.lua:1: target \"x\": \"measure\" is missing\n"
          "b.lua:1: target \"x\": \"side\" is missing\n" },
        { "target \"x\" { measure = \"aceptance_rate\", side = \"sales\", at_least = 70 }",
          "b.lua:1: target \"x\": unknown measure \"aceptance_rate\"; did you mean \"acceptance_rate\"?\n" },
        { "target \"x\" { measure = \"leaks\", side = \"sale\", at_most = 0 }",
          "b.lua:1: target \"x\": \"side\" must be sales or marketing, not \"sale\"; did you mean \"sales\"?\n" },
        { "target \"x\" { measure = \"sla_kept\", side = \"sales\" }",
          "b.lua:1: target \"x\": asks for nothing: it needs \"at_least\" or \"at_most\"\n" },
        { "target \"x\" { measure = \"sla_kept\", side = \"sales\", at_least = 70, at_most = 90 }",
          "b.lua:1: target \"x\": has both \"at_least\" and \"at_most\": make two targets of it\n" },
        { "target \"x\" { measure = \"sla_kept\", side = \"sales\", at_least = 170 }",
          "b.lua:1: target \"x\": \"sla_kept\" is in percent: 0 to 100\n" },
        { "target \"x\" { measure = \"leaks\", side = \"sales\", at_most = -1 }",
          "b.lua:1: target \"x\": \"leaks\" cannot be less than nothing\n" },
        { "target \"x\" { measure = \"sla_kept\", side = \"sales\", at_most = 70 }",
          "b.lua:1: warning: target \"x\": \"sla_kept\" is better when it is more: \"at_least\" is usually meant\n" },
        { "target \"x\" { measure = \"leaks\", side = \"sales\", at_least = 70 }",
          "b.lua:1: warning: target \"x\": \"leaks\" is better when it is less: \"at_most\" is usually meant\n" },
        { "campaign \"x\" { owner = \"queue\", include = { status = \"mql\" } }",
          "b.lua:1: campaign \"x\": include: holds only where marketing may not write: no status that it allows has marketing_may_contact\n" },
        { "campaign \"x\" { owner = \"queue\", include = { team = \"desk\", status = one_of{ \"mql\", \"opportunity\" } } }",
          "b.lua:1: campaign \"x\": include: holds only where marketing may not write: no status that it allows has marketing_may_contact\n" },
        { "campaign \"x\" { owner = \"queue\", include = { status = one_of{ \"new\", \"mql\" } } }",
          "b.lua:1: warning: campaign \"x\": include: names the status \"mql\", which lets marketing write to nobody (marketing_may_contact): its leads are left out\n" },
        { "campaign \"x\" { owner = \"queue\", include = { none{ { status = \"mql\" } } } }",
          "" },
        { "campaign \"x\" { owner = \"queue\", include = { status = \"new\", team = \"desk\" } }",
          "b.lua:1: warning: campaign \"x\": include: can never match: status is \"new\", and team is \"desk\"\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, exclude = { status = one_of{ \"new\", \"customer\" } } }",
          "b.lua:1: warning: campaign \"x\": has nobody in it: whoever \"include\" names, \"exclude\" leaves out: not (status is one of \"customer\", \"new\"), but it is asked in \"new\" and \"customer\"\n" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, purpose = \"maketing\" }",
          "b.lua:1: warning: campaign \"x\": \"purpose\": no rule and no adapter knows consent.maketing; did you mean \"marketing\"?\n" },
        { "campaign \"x\" { owner = \"queue\", include = { [\"consent.news\"] = true }, purpose = \"news\" }",
          "" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, purpose = \"news\" }\n"
          "adapter \"y\" { source = \"crm\", map = { optin = { \"consent.news\", as = \"bool\" }, mail = \"person.email\" } }",
          "" },
        { "campaign \"x\" { owner = \"queue\", include = { segment = \"big\" }, purpose = \"anything\" }\n"
          "adapter \"y\" { source = \"crm\", map = { mail = \"person.email\" }, rest = { legal = \"consent\" } }",
          "" },
        { "track \"x\" { enter = { status = \"opportunity\" }, steps = { { wait = \"0d\", send = \"welcome\" } } }",
          "b.lua:1: track \"x\": enter: holds only where marketing may not write: no status that it allows has marketing_may_contact\n" },
        { "track \"x\" { enter = { status = \"new\" }, leave = { team = \"queue\" }, steps = { { wait = \"0d\", send = \"welcome\" } } }",
          "b.lua:1: warning: track \"x\": sends nothing: whoever \"enter\" lets in, \"leave\" lets go at once: status is \"new\", and not (team is \"queue\")\n" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { { wait = \"0d\", send = \"welcome\" } } }\n"
          "track \"y\" { enter = { status = \"new\", segment = \"big\" }, steps = { { wait = \"0d\", send = \"welcome\" } } }",
          "b.lua:2: warning: track \"y\": never applies: \"x\" (b.lua:1) comes first and takes whoever this would; move it below this one, or narrow it\n" },
        { "track \"x\" { enter = { status = \"new\" }, leave = { idle = ge(\"90d\") }, steps = { { wait = \"0d\", send = \"welcome\" } } }\n"
          "track \"y\" { enter = { status = \"new\", segment = \"big\" }, steps = { { wait = \"0d\", send = \"welcome\" } } }",
          "" },
        { "track \"x\" { enter = { status = \"new\" }, steps = { { wait = \"0d\", send = \"welcome\" } } }\n"
          "track \"y\" { enter = { status = \"new\", segment = \"big\" }, needs_consent = false, steps = { { wait = \"0d\", send = \"welcome\" } } }",
          "" },
        { "stage \"x\" { status = \"new\" } stage \"y\" { every = true }",
          "b.lua:1: warning: stage \"y\": is reached by every lead, and stands behind \"x\" (b.lua:1)\n" },
        { "message \"x\" { channel = \"mail\", to = \"lead\", subject = \"s\", body = \"b\" }",
          "b.lua:1: warning: message \"x\": is for the lead, but no track sends it\n" },
        { "sla \"x\" { status = \"mql\", within = \"4h\", when = { segment = \"big\" }, steps = { { at = \"4h\", every = \"1wd\", remind = \"owner\", message = \"welcome\" } } }",
          "b.lua:1: sla \"x\": steps[1]: the message \"welcome\" is for the lead, and no reminder\n" },
        { "message \"x\" { channel = \"mail\", to = \"owner\", from = \"rep\", subject = \"s\", body = \"b\" }",
          "b.lua:1: message \"x\": from = \"rep\" is for messages to the lead: to = \"lead\"\n" },
        { "message \"x\" { channel = \"mail\", to = \"lead\", from = \"reps\", subject = \"s\", body = \"b\" }",
          "b.lua:1: message \"x\": \"from\" must be rep, not \"reps\"; did you mean \"rep\"?\n" },
        { "route \"x\" { owner = \"previuos\" }",
          "b.lua:1: route \"x\": \"owner\" must be account or previous, not \"previuos\"; did you mean \"previous\"?\n" },
        { "route \"x\" { owner = \"previous\", match = { languages = \"person.locale\" } }",
          "b.lua:1: route \"x\": \"match\" is for routes to a team\n" },
        { "route \"x\" { owner = \"previous\" }",
          "b.lua:1: warning: route \"x\": never applies: every team's leads are taken by routes before it, the last of them \"all\" (a.lua:14); routes to an owner stand first\n" },
};
/* clang-format on */

static void plans__each_mistake__is_said_once_at_its_line(void **state) {
        int n_failed = 0;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                char *report = load(faults[i].rules, NULL);

                if (strcmp(report, faults[i].want) != 0) {
                        print_error("%s\n  want: %s  got:  %s\n", faults[i].rules, faults[i].want, report);
                        n_failed++;
                }
                free(report);
        }
        assert_int_equal(n_failed, 0);
}

/* ---- what is there ---- */

static int64_t instant(const char *text) {
        int64_t time_us;

        assert_int_equal(time_parse_rfc3339(text, strlen(text), &time_us), 0);
        return time_us;
}

static void campaign__days__both_count_in_the_sites_zone(void **state) {
        (void) state;
        RuleSet *rules = load_good("settings \"site\" { zone = \"Europe/Berlin\" }\n"
                                   "campaign \"spring\" { owner = \"queue\", priority = 10, from = \"2026-03-29\", to = \"2026-03-29\",\n"
                                   "  channel = \"mail\", include = { segment = \"big\" }, at_most = { 2, per = \"7d\" } }\n");
        const Campaign *campaign = policy_campaign(rules, "spring");

        assert_non_null(campaign);
        assert_null(policy_campaign(rules, "autumn"));
        assert_string_equal(campaign->owner->rule.name, "queue");
        assert_int_equal(campaign->priority, 10);
        assert_string_equal(campaign->channel->rule.name, "mail");
        assert_int_equal(campaign->cap, 2);
        assert_int_equal(campaign->cap_per.us, 7 * US_PER_DAY);
        assert_string_equal(campaign->purpose, "marketing");
        assert_true(campaign->needs_consent);
        assert_null(campaign->exclude);
        /* A day of 23 hours. */
        assert_false(policy_campaign_runs(campaign, instant("2026-03-28T23:59:59+01:00")));
        assert_true(policy_campaign_runs(campaign, instant("2026-03-29T00:00:00+01:00")));
        assert_true(policy_campaign_runs(campaign, instant("2026-03-29T23:59:59+02:00")));
        assert_false(policy_campaign_runs(campaign, instant("2026-03-30T00:00:00+02:00")));
        policy_free(rules);
}

static void campaign__of_two__the_larger_priority_goes_first_then_the_one_above(void **state) {
        (void) state;
        RuleSet *rules = NULL;
        char *report = load("campaign \"a\" { owner = \"queue\", include = { } }\n"
                            "campaign \"b\" { owner = \"queue\", priority = 1, include = { }, purpose = \"news\", needs_consent = false }\n"
                            "campaign \"c\" { owner = \"queue\", include = { } }\n",
                &rules);
        assert_string_equal(report, "b.lua:2: warning: campaign \"b\": \"purpose\": no rule and no adapter knows consent.news\n");
        free(report);
        const Campaign *a = policy_campaign(rules, "a"), *b = policy_campaign(rules, "b"), *c = policy_campaign(rules, "c");

        assert_true(policy_campaign_goes_first(b, a));
        assert_false(policy_campaign_goes_first(a, b));
        assert_true(policy_campaign_goes_first(a, c));
        assert_false(policy_campaign_goes_first(c, a));
        assert_false(policy_campaign_goes_first(a, a));
        assert_true(policy_campaign_runs(a, 0));
        assert_false(b->needs_consent);
        assert_string_equal(b->purpose, "news");
        policy_free(rules);
}

static void track__as_declared__is_there(void **state) {
        (void) state;
        RuleSet *rules =
                load_good("track \"back\" { enter = { status = \"new\" }, leave = { track = \"back\", idle = ge(\"90d\") },\n"
                          "  wake_on = did{ type = \"form_submitted\" }, clock = \"person\", calendar = \"c\",\n"
                          "  steps = { { wait = \"0d\", send = \"welcome\" }, { wait = \"10wd\", send = \"welcome\", at = \"09:30\" } } }\n"
                          "track \"office\" { enter = { status = \"customer\", segment = \"big\" }, clock = \"c\",\n"
                          "  steps = { { wait = \"1wd\", send = \"welcome\" } } }\n"
                          "track \"wall\" { enter = { status = \"customer\" }, steps = { { wait = \"14d\", send = \"welcome\" } } }\n");
        const Track *back = policy_track(rules, "back"), *wall = policy_track(rules, "wall"), *office = policy_track(rules, "office");

        assert_int_equal(back->clock, TRACK_CLOCK_PERSON);
        assert_string_equal(back->calendar->rule.name, "c");
        assert_int_equal(back->n_steps, 2);
        assert_int_equal(back->steps[0].at_us, TIME_NONE);
        assert_int_equal(back->steps[1].wait.workdays, 10);
        assert_int_equal(back->steps[1].at_us, 9 * US_PER_HOUR + 30 * US_PER_MINUTE);
        assert_ptr_equal(back->steps[1].send, &rules->messages[1]);
        assert_true(back->steps[1].send->from_rep);
        assert_non_null(back->leave);
        assert_non_null(back->wake_on);
        assert_int_equal(wall->clock, TRACK_CLOCK_WALL);
        assert_null(wall->calendar);
        assert_int_equal(office->clock, TRACK_CLOCK_CALENDAR);
        assert_string_equal(office->calendar->rule.name, "c");
        assert_true(office->needs_consent);
        policy_free(rules);
}

static void stages__nobody_declared__are_what_statuses_and_moves_say(void **state) {
        static const char *const want[] = { "inquiry", "mql", "accepted", "meeting", "opportunity", "won" };

        (void) state;
        RuleSet *rules = load_good("");
        assert_false(rules->stages_are_declared);
        assert_int_equal(rules->n_stages, ARRAY_SIZE(want));
        for (size_t i = 0; i < ARRAY_SIZE(want); i++)
                assert_string_equal(rules->stages[i].rule.name, want[i]);
        assert_true(rules->stages[0].every);
        assert_string_equal(rules->stages[1].statuses[0]->rule.name, "mql");
        assert_true(rules->stages[2].accepted);
        assert_string_equal(rules->stages[3].moves[0]->rule.name, "meeting_booked");
        assert_string_equal(rules->stages[4].statuses[0]->rule.name, "opportunity");
        assert_true(rules->stages[4].opportunity);
        assert_string_equal(rules->stages[5].statuses[0]->rule.name, "customer");
        policy_free(rules);
}

static void stages__declared__are_these_alone(void **state) {
        (void) state;
        RuleSet *rules = load_good("stage \"came\" { every = true }\n"
                                   "stage \"handed\" { status = { \"mql\", \"opportunity\" }, move = \"take\", doc = \"d\" }\n");

        assert_true(rules->stages_are_declared);
        assert_int_equal(rules->n_stages, 2);
        assert_int_equal(rules->stages[1].n_statuses, 2);
        assert_int_equal(rules->stages[1].n_moves, 1);
        assert_string_equal(rules->stages[1].rule.doc, "d");
        policy_free(rules);
}

static void target__bounds__are_in_thousandths(void **state) {
        (void) state;
        RuleSet *rules = load_good("target \"ACCEPT\" { measure = \"acceptance_rate\", side = \"marketing\", at_least = 62.5 }\n"
                                   "target \"NONE\" { measure = \"leaks\", side = \"sales\", at_most = 0 }\n");

        assert_int_equal(rules->n_targets, 2);
        assert_int_equal(rules->targets[0].measure, MEASURE_ACCEPTANCE_RATE);
        assert_int_equal(rules->targets[0].side, SIDE_MARKETING);
        assert_true(rules->targets[0].is_least);
        assert_int_equal(rules->targets[0].bound_milli, 62500);
        assert_false(rules->targets[1].is_least);
        assert_int_equal(rules->targets[1].bound_milli, 0);
        assert_int_equal(policy_measure(MEASURE_LEAKS)->unit, UNIT_LEADS);
        assert_null(policy_measure((TargetMeasure) 0));
        policy_free(rules);
}

/* Long texts: cmocka would cut them. */
static void expect_text(const char *got, const char *want) {
        for (size_t i = 0; got[i] || want[i]; i++)
                if (got[i] != want[i])
                        fail_msg("at byte %zu: want \"%.120s\", got \"%.120s\"", i, want + i, got + i);
}

static void glossary__plans__are_told_with_dates_priorities_and_promises(void **state) {
        _cleanup_(text_free) Text out = { 0 };

        (void) state;
        RuleSet *rules = load_good(
                "campaign \"later\" { owner = \"queue\", include = { }, needs_consent = false, from = \"2026-09-01\" }\n"
                "campaign \"spring\" { owner = \"queue\", priority = 10, from = \"2026-03-01\", to = \"2026-05-31\", channel = \"mail\",\n"
                "  doc = \"the webinar\", include = { segment = \"big\" }, exclude = { grade = \"B2\" }, at_most = { 2, per = \"7d\" } }\n"
                "track \"back\" { enter = { status = \"new\" }, leave = { idle = ge(\"90d\") }, wake_on = did{ type = \"form_submitted\" "
                "},\n"
                "  clock = \"c\", steps = { { wait = \"0d\", send = \"welcome\" }, { wait = \"10wd\", send = \"welcome\", at = \"09:05\" } "
                "} }\n"
                "stage \"came\" { every = true }\n"
                "stage \"met\" { accepted = true, status = { \"mql\", \"opportunity\" }, move = \"meeting_booked\", opportunity = true }\n"
                "target \"ACCEPT\" { measure = \"acceptance_rate\", side = \"marketing\", at_least = 62.5, doc = \"what we send is "
                "wanted\" }\n"
                "target \"LEAKS\" { measure = \"leaks\", side = \"sales\", at_most = 0 }\n");
        assert_int_equal(policy_glossary(rules, &out), 0);
        const char *at = strstr(out.data, "\nCAMPAIGNS");
        assert_non_null(at);
        expect_text(at + 1, "CAMPAIGNS (a person whom two mean is in the first; whom marketing may not contact is in none)\n"
                            "  spring, 2026-03-01 to 2026-05-31; priority 10; planned by queue\n"
                            "      the webinar\n"
                            "      for: in segment \"big\"\n"
                            "      but not: grade is \"B2\"\n"
                            "      at most: 2 mails in 7 days to one person, of whatever campaign or track\n"
                            "      only who has agreed to marketing\n"
                            "      through: mail\n"
                            "  later, from 2026-09-01 on; priority 0; planned by queue\n"
                            "      for: everybody whom marketing may write to\n"
                            "      not who has refused marketing\n"
                            "\n"
                            "TRACKS (the first that applies; whom marketing may not contact is in none)\n"
                            "  aside\n"
                            "      for: in segment \"aside\"\n"
                            "      after 1 day: welcome, from who sent the lead back\n"
                            "      only who has agreed to marketing\n"
                            "  back\n"
                            "      for: status is \"new\"\n"
                            "      but not: idle at least 90d\n"
                            "      ended by: did form_submitted\n"
                            "      at once: welcome, from who sent the lead back\n"
                            "      then after 10 working days, at 09:05: welcome, from who sent the lead back\n"
                            "      waits count in: working time in c\n"
                            "      only who has agreed to marketing\n"
                            "\n"
                            "STAGES (a lead has reached one when)\n"
                            "  came\n"
                            "      every lead\n"
                            "  met\n"
                            "      its owner moved it on, or it was in mql or opportunity, or it made meeting_booked, or it has\n"
                            "        an opportunity\n"
                            "\n"
                            "TARGETS (what each team promised the other)\n"
                            "  ACCEPT, of marketing: at least 62.5 %\n"
                            "      what we send is wanted\n"
                            "      counted: of leads that were answered for: accepted\n"
                            "  LEAKS, of sales: at most 0\n"
                            "      counted: leads that leak now\n");
        policy_free(rules);
}

/* ---- what a condition reads ---- */

static void reads__each_path__names_what_must_be_loaded(void **state) {
        static const struct {
                const char *condition;
                unsigned want;
        } cases[] = {
                { "{ }", 0 },
                { "{ status = \"new\" }", READS_STATUS },
                { "{ team = \"desk\" }", READS_STATUS },
                { "{ owner = \"anna\" }", READS_OWNER },
                { "{ segment = \"big\" }", READS_SEGMENT },
                { "{ grade = \"A1\" }", READS_GRADE | READS_NOW },
                { "{ fit = ge(5) }", READS_POINTS | READS_NOW },
                { "{ [\"score.fit\"] = ge(5) }", READS_POINTS | READS_NOW },
                { "{ source = \"web\" }", READS_SOURCE },
                { "{ test = true }", READS_TEST },
                { "{ track = absent }", READS_TRACK },
                { "{ in_status = ge(\"5d\") }", READS_IN_STATUS | READS_NOW },
                { "{ age = ge(\"5d\") }", READS_AGE | READS_NOW },
                { "{ idle = ge(\"5d\") }", READS_IDLE | READS_NOW },
                { "{ country = \"DE\" }", READS_PROFILE },
                { "{ [\"person.title\"] = present }", READS_PROFILE },
                { "{ [\"consent.marketing\"] = true }", READS_CONSENT },
                { "{ [\"consent_at.marketing\"] = present }", READS_PROFILE },
                { "{ [\"opportunity.amount\"] = ge(1000) }", READS_OPPORTUNITY },
                { "{ did{ type = \"form_submitted\" } }", READS_HISTORY },
                { "{ did{ type = \"form_submitted\", within = \"5d\" } }", READS_HISTORY | READS_NOW },
                { "{ did{ type = \"form_submitted\", since = \"move\" } }", READS_HISTORY | READS_SINCE_MOVE },
                { "function(lead) return lead.status end", READS_FUNCTION },
                { "function(lead, now) return now end", READS_FUNCTION | READS_NOW },
                { "any{ { status = \"new\" }, none{ { owner = \"anna\", test = true } } }", READS_STATUS | READS_OWNER | READS_TEST },
        };

        (void) state;
        assert_int_equal(policy_reads(NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[300];
                snprintf(text, sizeof(text), "campaign \"x\" { owner = \"queue\", include = %s }", cases[i].condition);
                RuleSet *rules = NULL;
                char *report = load(text, &rules);

                if (!rules)
                        fail_msg("%s: %s", cases[i].condition, report);
                if (policy_reads(policy_campaign(rules, "x")->include) != cases[i].want)
                        fail_msg("%s: want %#x, got %#x", cases[i].condition, cases[i].want,
                                policy_reads(policy_campaign(rules, "x")->include));
                free(report);
                policy_free(rules);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(plans__each_mistake__is_said_once_at_its_line),
                cmocka_unit_test(campaign__days__both_count_in_the_sites_zone),
                cmocka_unit_test(campaign__of_two__the_larger_priority_goes_first_then_the_one_above),
                cmocka_unit_test(track__as_declared__is_there),
                cmocka_unit_test(stages__nobody_declared__are_what_statuses_and_moves_say),
                cmocka_unit_test(stages__declared__are_these_alone),
                cmocka_unit_test(target__bounds__are_in_thousandths),
                cmocka_unit_test(glossary__plans__are_told_with_dates_priorities_and_promises),
                cmocka_unit_test(reads__each_path__names_what_must_be_loaded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
