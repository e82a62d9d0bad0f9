/* SPDX-License-Identifier: MIT */
/*
 * Rule sets that load: what the language's own example becomes, the archive and back, which files count, and finding
 * things by name. And that nothing written into a rules directory, or left of an archive, can harm the loader.
 */
#include "test_policy_directory.h"

static RuleSet *load_good(const Directory *directory, unsigned flags) {
        RuleSet *rules = NULL;
        _cleanup_(base_freep) char *report = directory_load(directory, flags, &rules);
        if (!rules)
                fail_msg("does not load:\n%s", report);
        return rules;
}

#define A_TEST(name) \
        "test \"" name \
        "\" { at = \"2026-03-05T10:00:00Z\", given = { lead{ person = { email = \"a@b.example\" } } }, expect = { fit = 0 } }"

static RuleSet *load_text(const char *text, unsigned flags) {
        Directory directory;
        directory_open(&directory);
        directory_write_text(&directory, "rules.lua", text);
        RuleSet *rules = load_good(&directory, flags);
        directory_close(&directory);
        return rules;
}

static RuleSet *load_language(void) {
        _cleanup_(base_freep) char *text = file_content(DATA "language.lua", NULL);
        return load_text(text, 0);
}

static int64_t at(const char *text) {
        int64_t us;
        assert_int_equal(time_parse_rfc3339(text, strlen(text), &us), 0);
        return us;
}

/* ---- what becomes of it -------------------------------------------------- */

static void policy_load__the_languages_own_example__loads_and_means_what_it_says(void **state) {
        (void) state;
        RuleSet *rules = load_language();
        static const struct {
                const char *what;
                size_t want, offset;
        } counts[] = {
                { "principles", 1, offsetof(RuleSet, n_principles) },
                { "calendars", 2, offsetof(RuleSet, n_calendars) },
                { "teams", 3, offsetof(RuleSet, n_teams) },
                { "members", 4, offsetof(RuleSet, n_members) },
                { "statuses", 9, offsetof(RuleSet, n_statuses) },
                { "criteria", 1, offsetof(RuleSet, n_criteria) },
                { "moves", 10, offsetof(RuleSet, n_moves) },
                { "reasons", 6, offsetof(RuleSet, n_reasons) },
                { "fences", 2, offsetof(RuleSet, n_fences) },
                { "lists", 2, offsetof(RuleSet, n_lists) },
                { "segments", 2, offsetof(RuleSet, n_segments) },
                { "groups", 2, offsetof(RuleSet, n_groups) },
                { "scores", 6, offsetof(RuleSet, n_scores) },
                { "junks", 1, offsetof(RuleSet, n_junks) },
                { "routes", 4, offsetof(RuleSet, n_routes) },
                { "slas", 3, offsetof(RuleSet, n_slas) },
                { "channels", 2, offsetof(RuleSet, n_channels) },
                { "messages", 2, offsetof(RuleSet, n_messages) },
                { "feeds", 1, offsetof(RuleSet, n_feeds) },
                { "campaigns", 1, offsetof(RuleSet, n_campaigns) },
                { "tracks", 1, offsetof(RuleSet, n_tracks) },
        };
        size_t total = 2; /* settings and grade */
        for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
                size_t got = *(const size_t *) (const void *) ((const char *) rules + counts[i].offset);
                if (got != counts[i].want)
                        fail_msg("%s: got %zu, want %zu", counts[i].what, got, counts[i].want);
                total += got;
        }
        assert_int_equal(rules->n_rules, total);
        for (size_t i = 0; i < rules->n_rules; i++) {
                assert_int_equal(rules->rules[i]->index, i);
                assert_string_equal(rules->rules[i]->file, "rules.lua");
                assert_true(rules->rules[i]->line > 0 && (i == 0 || rules->rules[i]->line >= rules->rules[i - 1]->line));
        }

        assert_string_equal(rules->settings->zone_text, "Europe/Berlin");
        assert_string_equal(zone_name(rules->settings->zone), "Europe/Berlin");
        assert_string_equal(rules->settings->phone_region, "DE");
        assert_true(rules->settings->keep_done.us == 7 * US_PER_DAY && rules->settings->retain.us == 3 * 365 * US_PER_DAY);
        assert_string_equal(rules->settings->ops, "ops@example.com");

        const Team *inside = policy_team(rules, "inside_sales"), *marketing = policy_team(rules, "marketing");
        assert_int_equal(marketing->n_members, 0);
        assert_string_equal(marketing->rule.doc, "owns prospects until they are qualified");
        assert_true(inside->strategy == STRATEGY_WEIGHTED && inside->on_absence == ABSENCE_REASSIGN_UNACCEPTED);
        assert_string_equal(inside->head->rule.name, "petra");
        assert_int_equal(inside->n_members, 3);
        const Member *anna = inside->members[0], *ben = inside->members[1];
        assert_string_equal(anna->rule.name, "anna");
        assert_true(anna->team == inside && anna->weight == 3 && anna->max_unaccepted == 5 && anna->max_open == 25 && anna->per_day == 10);
        assert_string_equal(anna->skills[0].name, "languages");
        assert_int_equal(anna->skills[0].n_values, 2);
        assert_string_equal(anna->skills[0].values[1], "en");
        assert_string_equal(calendar_name(policy_member_calendar(anna)), "berlin");
        assert_string_equal(calendar_name(policy_member_calendar(ben)), "newyork");
        assert_int_equal(policy_member(rules, "petra")->weight, 0);
        assert_int_equal(policy_member(rules, "dana")->weight, 1);

        assert_ptr_equal(rules->initial, policy_status(rules, "inquiry"));
        assert_true(policy_status(rules, "mql")->kind == STATUS_SLA && policy_status(rules, "customer")->kind == STATUS_FINAL);
        assert_true(policy_status(rules, "nurture")->marketing_may_contact && !policy_status(rules, "mql")->marketing_may_contact);
        assert_string_equal(policy_status(rules, "mql")->rule.doc, "Meets marketing's criteria; waits to be accepted.");

        const Move *hand_raise = &rules->moves[0], *reject = policy_move(rules, "reject");
        assert_true(
                hand_raise->by == BY_RULES && hand_raise->n_from == 3 && hand_raise->to == policy_status(rules, "mql") && hand_raise->when);
        assert_int_equal(hand_raise->n_needs, 1);
        assert_string_equal(hand_raise->needs[0].name, "REACHABLE");
        assert_ptr_equal(hand_raise->needs[0].condition, rules->criteria[0].when);
        assert_true(reject->by == BY_OWNER && !reject->to && reject->n_reasons == 5);
        assert_ptr_equal(reject->reasons[1], policy_reason(rules, "bad_data"));
        assert_ptr_equal(policy_move(rules, "open_opportunity")->by_team, inside);

        const Reason *no_budget = policy_reason(rules, "no_budget"), *unreachable = policy_reason(rules, "unreachable");
        assert_true(
                no_budget->to == policy_status(rules, "nurture") && no_budget->recycle_after.us == 90 * US_PER_DAY && no_budget->wake_on);
        assert_true(policy_reason(rules, "not_a_fit")->note_required && !no_budget->note_required);
        assert_true(policy_reason(rules, "bad_data")->credit && !no_budget->credit);
        assert_true(unreachable->n_needs == 1 && !unreachable->needs[0].name && unreachable->needs[0].condition);

        assert_true(rules->fences[0].when && rules->fences[0].n_since == 0 && rules->fences[0].blocks[0] == policy_status(rules, "mql"));
        assert_true(!rules->fences[1].when && rules->fences[1].n_since == 2 && rules->fences[1].hold.us == 30 * US_PER_DAY);

        assert_string_equal(rules->lists[0].rule.name, "eea");
        assert_int_equal(rules->lists[0].n_items, 3);
        assert_string_equal(rules->lists[0].items[0], "at"); /* folded and sorted */

        assert_true(rules->groups[1].half_life.us == 30 * US_PER_DAY && rules->groups[1].max_mp == 100000);
        assert_ptr_equal(rules->scores[0]->group, &rules->groups[0]);
        assert_true(rules->grade->n_fit == 4 && rules->grade->fit[0].from_mp == 75000 && rules->grade->leave_mp == 10000);
        assert_string_equal(rules->grade->fit[0].name, "A");
        assert_string_equal(rules->grade->engagement[3].name, "4");

        assert_true(rules->routes[0].account && !rules->routes[0].team);
        assert_true(rules->routes[1].n_match == 1 && rules->routes[1].match[0].field == FIELD_PERSON_LOCALE && rules->routes[1].when);
        assert_true(!rules->routes[2].when && rules->routes[2].team == inside);

        const Sla *hot = policy_sla(rules, "ACCEPT_HOT"), *accept = policy_sla(rules, "ACCEPT"), *call = policy_sla(rules, "FIRST_CALL");
        assert_true(hot->within.us == 2 * US_PER_HOUR && hot->clock == CLOCK_OWNER && hot->when && hot->n_steps == 4);
        assert_true(hot->steps[2].reassign && hot->steps[3].every.workdays == 1 && hot->steps[3].n_remind == 2);
        assert_string_equal(hot->steps[3].remind[1], "ops");
        assert_true(accept->within.workdays == 1 && accept->steps[2].move == reject &&
                    accept->steps[2].reason == policy_reason(rules, "no_response"));
        assert_true(call->stop && call->max_snooze.workdays == 5 && !call->retime);

        assert_true(rules->channels[1].via == VIA_SENDMAIL && rules->channels[1].quiet_recipient);
        assert_int_equal(rules->channels[1].gather_us, POLICY_GATHER_US);
        assert_int_equal(rules->channels[0].gather_us, 0);
        assert_string_equal(rules->messages[1].to, "lead");
        assert_true(rules->feeds[0].via == VIA_DROP && rules->feeds[0].n_types == 3);
        policy_free(rules);
}

static void policy_load__the_shipped_rules__have_no_problem_at_all(void **state) {
        (void) state;
        RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        Text text = { 0 };
        int r = policy_load("rules", 0, &rules, &report);
        assert_int_equal(policy_report_format(&report, &text), 0);
        if (r != 0 || report.n_problems > 0)
                fail_msg("%d\n%s", r, text.data);
        assert_true(rules->n_adapters > 5);
        policy_report_done(&report);
        text_free(&text);
        policy_free(rules);
}

static void policy_load__an_adapter__becomes_what_intake_reads(void **state) {
        (void) state;
        RuleSet *rules = load_text(
                "adapter \"x\" {\n"
                "  doc = \"an example\", source = \"crm*\", format = \"json\", each = \"items\", id = { \"a\", \"b\" },\n"
                "  match = { \"plain\", kind = \"lead*\" }, type_from = { \"op\", [\"*\"] = \"drop\", del = \"lead.erased\" },\n"
                "  time = { \"at\", form = \"local\", zone = \"Europe/Berlin\" }, drop = { \"password\" },\n"
                "  secret = { field = \"key\", file = \"crm-key\" }, empty = { \"n/a\" },\n"
                "  map = { [\"b\"] = \"person.email\", [\"a\"] = { \"person.phone_number\", strip = \"p:\" }, [\"c|d\"] = \"skip\",\n"
                "          e = { \"consent.contact\", values = { [\"1\"] = true, [\"\"] = false } }, f = { \"country\" and "
                "\"company.country\", as = \"country\" } },\n"
                "  pairs = { { list = \"fields\", where = { t = \"x\" }, name = \"n\", value = { \"v\", \"w\" }, map = { Q = \"answers.q\" "
                "}, rest = \"answers.more\" } },\n"
                "  set = { [\"attribution.channel\"] = \"crm\", [\"company.employees\"] = 5 },\n"
                "  rest = { deep = \"activity.properties\" } }\n",
                POLICY_LOAD_CALENDARS);
        const Adapter *adapter = &rules->adapters[0].adapter;
        assert_string_equal(rules->adapters[0].rule.doc, "an example");
        assert_string_equal(adapter->name, "x");
        assert_string_equal(adapter->source_glob, "crm*");
        assert_string_equal(adapter->format, "json");
        assert_string_equal(adapter->each, "items");
        assert_true(adapter->n_id == 2 && adapter->n_match == 2 && !adapter->match[0].equals);
        assert_string_equal(adapter->match[1].path, "kind");
        assert_string_equal(adapter->match[1].equals, "lead*");
        assert_string_equal(adapter->type, "lead.submitted");
        assert_string_equal(adapter->type_path, "op");
        assert_int_equal(adapter->n_types, 2);
        assert_string_equal(adapter->types[0].from, "*");
        assert_string_equal(adapter->types[1].target, "lead.erased");
        assert_string_equal(adapter->time, "at");
        assert_int_equal(adapter->time_form, ADAPTER_TIME_LOCAL);
        assert_string_equal(adapter->time_zone, "Europe/Berlin");
        assert_string_equal(adapter->drop[0], "password");
        assert_string_equal(adapter->secret, "key");
        assert_string_equal(adapter->secret_file, "crm-key");
        assert_string_equal(adapter->empty[0], "n/a");
        assert_int_equal(adapter->n_map, 5);
        assert_string_equal(adapter->map[0].from, "a"); /* by path */
        assert_int_equal(adapter->map[0].form, ADAPTER_STRIP_PREFIX);
        assert_string_equal(adapter->map[0].argument, "p:");
        assert_string_equal(adapter->map[2].target, "skip");
        assert_int_equal(adapter->map[3].n_values, 2);
        assert_string_equal(adapter->map[3].values[0].from, "");
        assert_true(adapter->map[3].values[1].value.type == VALUE_BOOL && adapter->map[3].values[1].value.boolean);
        assert_int_equal(adapter->map[4].form, ADAPTER_COUNTRY);
        assert_true(
                adapter->n_pairs == 1 && adapter->pairs[0].n_values == 2 && adapter->pairs[0].n_where == 1 && adapter->pairs[0].n_map == 1);
        assert_string_equal(adapter->pairs[0].rest, "answers.more");
        assert_int_equal(adapter->n_set, 2);
        assert_int_equal(adapter->set[1].value.integer, 5);
        assert_string_equal(adapter->rest[0].from, "deep");
        assert_string_equal(adapter->rest[0].target, "activity.properties");
        policy_free(rules);
}

static void policy_load__spool_directories__get_the_families_they_may_claim(void **state) {
        (void) state;
        RuleSet *rules = load_text(
                "settings \"x\" { spool = { [\"crm\"] = { \"outcome\", \"owner\" }, [\"a b\"] = \"erased\" } }", POLICY_LOAD_CALENDARS);
        assert_int_equal(rules->settings->n_spool_may, 3);
        assert_string_equal(rules->settings->spool_may[0], "a b erased");
        assert_string_equal(rules->settings->spool_may[1], "crm outcome");
        assert_string_equal(rules->settings->spool_may[2], "crm owner");
        assert_string_equal(rules->settings->zone_text, "UTC");
        policy_free(rules);
}

/* ---- which files count --------------------------------------------------- */

static void policy_load__nothing_but_calendars__loads_when_asked_for(void **state) {
        (void) state;
        static const char text[] = "calendar \"office\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }";
        RuleSet *rules = load_text(text, POLICY_LOAD_CALENDARS);
        int64_t due_us;
        assert_int_equal(calendar_add(policy_calendar(rules, "office")->calendar, at("2026-03-05T16:00:00+01:00"),
                                 (Duration){ .us = 2 * US_PER_HOUR }, &due_us),
                0);
        assert_true(due_us == at("2026-03-06T10:00:00+01:00"));
        assert_non_null(rules->settings);
        policy_free(rules);

        Directory directory;
        directory_open(&directory);
        directory_write_text(&directory, "rules.lua", text);
        _cleanup_(base_freep) char *report = directory_load(&directory, 0, NULL);
        assert_string_equal(report, "no status is declared\n");
        directory_close(&directory);
}

static void policy_load__files__run_in_name_order_and_others_are_left_alone(void **state) {
        (void) state;
        Directory directory;
        directory_open(&directory);
        directory_write_text(&directory, "20.lua", "list \"second\" { \"b\" }");
        directory_write_text(&directory, "10.lua", "\xef\xbb\xbflist \"first\" { \"a\" }");
        directory_write_text(&directory, "adapters/00.lua", "list \"third\" { \"c\" }");
        directory_write_text(
                &directory, "lists/words.txt", "\xef\xbb\xbf# comment\n\n  Zebra \napple\t# a fruit\r\nAPPLE\nc#\n\xc3\x84rger\nlast");
        directory_write_text(&directory, "lists/notes.md", "not a list");
        directory_write_text(&directory, ".hidden.lua", "syntax error");
        directory_write_text(&directory, ".#10.lua", "syntax error");
        directory_write_text(&directory, "10.lua~", "syntax error");
        directory_write_text(&directory, "10.lua.bak", "syntax error");
        directory_write_text(&directory, "README.md", "syntax error");
        directory_write_text(&directory, "other/30.lua", "syntax error");
        directory_write_text(&directory, "10_test.lua", "test \"not looked at where calendars suffice\" { }");
        RuleSet *rules = load_good(&directory, POLICY_LOAD_CALENDARS);
        static const char *const names[] = { "first", "second", "third", "words" };
        assert_int_equal(rules->n_lists, 4);
        for (size_t i = 0; i < 4; i++)
                assert_string_equal(rules->lists[i].rule.name, names[i]);
        static const char *const words[] = { "apple", "c#", "last", "zebra", "\xc3\xa4rger" };
        assert_int_equal(rules->lists[3].n_items, 5);
        for (size_t i = 0; i < 5; i++)
                assert_string_equal(rules->lists[3].items[i], words[i]);
        assert_string_equal(rules->lists[3].rule.file, "lists/words.txt");
        policy_free(rules);
        directory_close(&directory);
}

static void policy_load__what_is_no_readable_rule_file__is_told(void **state) {
        (void) state;
        Directory directory;
        char path[128], want[400];
        static char big[POLICY_FILE_SIZE_MAX + 2];
        directory_open(&directory);
        _cleanup_(base_freep) char *empty = directory_load(&directory, POLICY_LOAD_CALENDARS, NULL);
        snprintf(want, sizeof(want), "there is no rule file (*.lua) in %s\n", directory.path);
        assert_string_equal(empty, want);

        directory_write_text(&directory, "10.lua", "list \"a\" { \"a\" }");
        snprintf(path, sizeof(path), "%s/fifo.lua", directory.path);
        assert_int_equal(mkfifo(path, 0600), 0);
        snprintf(path, sizeof(path), "%s/folder.lua", directory.path);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/gone.lua", directory.path);
        assert_int_equal(symlink("/nonexistent", path), 0);
        memset(big, '-', sizeof(big) - 1);
        directory_write(&directory, "big.lua", big, sizeof(big) - 1);
        directory_write(&directory, "code.lua", "\x1bLua\x54", 5);
        directory_write(&directory, "latin.lua", "-- ok\n-- gr\xfc\xdf\n", 15);
        _cleanup_(base_freep) char *report = directory_load(&directory, POLICY_LOAD_CALENDARS, NULL);
        assert_string_equal(report, "big.lua: is larger than 1024 KiB\n"
                                    "code.lua: is compiled Lua; rule files are text\n"
                                    "fifo.lua: is not a file\n"
                                    "folder.lua: is not a file\n"
                                    "gone.lua: cannot be read: No such file or directory\n"
                                    "latin.lua:2: is not UTF-8 text\n");
        directory_close(&directory);

        snprintf(want, sizeof(want), "cannot open the rules directory %s: No such file or directory\n", directory.path);
        _cleanup_(base_freep) char *absent = directory_load(&directory, 0, NULL);
        assert_string_equal(absent, want);
}

static void policy_load__more_files_than_a_rule_set_may_have__are_told(void **state) {
        (void) state;
        Directory directory;
        directory_open(&directory);
        for (int i = 0; i < POLICY_FILES_MAX + 1; i++) {
                char name[40];
                snprintf(name, sizeof(name), "%03d.lua", i);
                directory_write_text(&directory, name, "");
        }
        _cleanup_(base_freep) char *report = directory_load(&directory, POLICY_LOAD_CALENDARS, NULL);
        assert_non_null(strstr(report, "is one file more than the 256 a rule set may have\n"));
        directory_close(&directory);
}

static void policy_load__files__share_globals_but_rules_keep_their_words(void **state) {
        (void) state;
        Directory directory;
        directory_open(&directory);
        directory_write_text(&directory, "10.lua",
                "function countries(...) return { ... } end\nlocal kept = { \"a\" }\nfunction kept_list() return kept end");
        directory_write_text(&directory, "20.lua", "list \"eea\" (countries(\"DE\", \"AT\"))\nlist \"k\" (kept_list())");
        RuleSet *rules = load_good(&directory, POLICY_LOAD_CALENDARS);
        assert_int_equal(rules->lists[0].n_items, 2);
        assert_string_equal(rules->lists[0].rule.file, "20.lua");
        assert_int_equal(rules->lists[1].rule.line, 2);
        policy_free(rules);
        directory_close(&directory);
}

/* ---- archive ------------------------------------------------------------- */

#define HOLIDAYS \
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:1@x\r\nDTSTAMP:20260101T000000Z\r\n" \
        "DTSTART;VALUE=DATE:20260306\r\nDTEND;VALUE=DATE:20260307\r\nSUMMARY:Day off\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

static void write_full(const Directory *directory) {
        _cleanup_(base_freep) char *text = file_content(DATA "language.lua", NULL);
        directory_write_text(directory, "10.lua", text);
        directory_write_text(
                directory, "20.lua", "calendar \"off\" { zone = \"UTC\", open = { mon_fri = \"09:00-17:00\" }, holidays = \"days.ics\" }");
        directory_write_text(directory, "days.ics", HOLIDAYS);
        directory_write_text(directory, "unused.ics", "not even a calendar");
        directory_write_text(directory, "10_test.lua", A_TEST("x"));
        directory_write_text(directory, "lists/extra.txt", "a\nb\n");
        directory_write_text(directory, "adapters/x.lua", "adapter \"x\" { match = { \"x\" }, rest = \"answers\" }");
}

static void policy_load_archive__of_a_loaded_set__gives_the_same_set_and_hash(void **state) {
        (void) state;
        Directory directory;
        directory_open(&directory);
        write_full(&directory);
        RuleSet *first = load_good(&directory, 0), *again = load_good(&directory, 0), *second = NULL;
        directory_close(&directory); /* the archive needs nothing of it */
        assert_string_equal(first->hash_text, again->hash_text);
        policy_free(again);

        const void *data, *data_again;
        size_t size, size_again;
        PolicyReport report = { 0 };
        assert_int_equal(policy_archive(first, &data, &size), 0);
        assert_int_equal(policy_load_archive(data, size, &second, &report), 0);
        policy_report_done(&report);
        assert_int_equal(policy_archive(second, &data_again, &size_again), 0);
        assert_int_equal(size, size_again);
        assert_memory_equal(data, data_again, size);
        assert_memory_equal(first->hash, second->hash, DIGEST_SIZE);
        assert_int_equal(first->n_rules, second->n_rules);
        for (size_t i = 0; i < first->n_rules; i++) {
                assert_int_equal(first->rules[i]->kind, second->rules[i]->kind);
                assert_string_equal(first->rules[i]->name, second->rules[i]->name);
                assert_string_equal(first->rules[i]->file, second->rules[i]->file);
                assert_int_equal(first->rules[i]->line, second->rules[i]->line);
        }
        /* The day off is in it, the file nobody named is not. */
        assert_false(calendar_is_open(policy_calendar(second, "off")->calendar, at("2026-03-06T12:00:00Z")));
        assert_true(calendar_is_open(policy_calendar(second, "off")->calendar, at("2026-03-05T12:00:00Z")));
        assert_null(memmem(data, size, "unused.ics", 10));
        assert_non_null(memmem(data, size, "10_test.lua", 11));

        uint8_t digest[DIGEST_SIZE];
        assert_int_equal(digest_sha256(data, size, digest), 0);
        assert_memory_equal(digest, first->hash, DIGEST_SIZE);
        policy_free(first);
        policy_free(second);
}

static void policy_load__any_change_of_a_byte__is_another_hash(void **state) {
        (void) state;
        static const struct {
                const char *name, *text;
        } changes[] = { { "10_test.lua", A_TEST("y") }, { "lists/extra.txt", "a\nb\n\n" }, { "days.ics", HOLIDAYS "\r\n" },
                { "adapters/x.lua", "adapter \"x\" { match = { \"x\" }, rest = \"answers\" } " }, { "30.lua", "" } };
        Directory directory;
        directory_open(&directory);
        write_full(&directory);
        char hashes[ARRAY_SIZE(changes) + 1][2 * DIGEST_SIZE + 1];
        for (size_t i = 0; i <= ARRAY_SIZE(changes); i++) {
                if (i > 0)
                        directory_write_text(&directory, changes[i - 1].name, changes[i - 1].text);
                RuleSet *rules = load_good(&directory, 0);
                strcpy(hashes[i], rules->hash_text);
                policy_free(rules);
                for (size_t j = 0; j < i; j++)
                        if (strcmp(hashes[i], hashes[j]) == 0)
                                fail_msg("%s changes nothing", changes[i - 1].name);
        }
        directory_close(&directory);
}

static void policy_load_archive__damaged_anywhere__is_refused_or_another_set(void **state) {
        (void) state;
        Directory directory;
        _cleanup_(base_freep) char *text = file_content(DATA "base.lua", NULL);
        directory_open(&directory);
        directory_write_text(&directory, "rules.lua", text);
        directory_write_text(&directory, "lists/l.txt", "a\n");
        RuleSet *rules = load_good(&directory, 0);
        directory_close(&directory);
        const void *data;
        size_t size;
        assert_int_equal(policy_archive(rules, &data, &size), 0);
        char *copy = malloc(size);
        assert_non_null(copy);
        for (size_t i = 0; i < size; i += 1 + i / 40) {
                for (int cut = 0; cut < 2; cut++) {
                        RuleSet *other = NULL;
                        PolicyReport report = { 0 };
                        memcpy(copy, data, size);
                        copy[i] ^= 0x41;
                        int r = policy_load_archive(copy, cut ? i : size, &other, &report);
                        assert_true(r == 0 || r == POLICY_E_RULES);
                        if (r == 0 && !cut)
                                assert_memory_not_equal(other->hash, rules->hash, DIGEST_SIZE);
                        assert_true(r == 0 || report.n_errors > 0);
                        policy_report_done(&report);
                        policy_free(other);
                }
        }
        free(copy);
        policy_free(rules);
}

/* ---- finding ------------------------------------------------------------- */

static void policy_find__names_aliases_users_and_old_names__are_followed(void **state) {
        (void) state;
        RuleSet *rules =
                load_text("team \"q\" { }\n"
                          "team \"t\" { members = { anna = { user = \"u1\" }, ben = { } } }\n"
                          "status \"new\" { team = \"q\", initial = true, renamed_from = \"inquiry\" }\n"
                          "status \"work\" { team = \"t\" }\n"
                          "status \"done\" { team = \"q\", kind = \"final\" }\n"
                          "move \"auto\" { from = \"new\", to = \"work\", by = \"rules\" }\n"
                          "move \"finish\" { from = \"work\", to = \"done\", by = \"owner\", alias = { \"finished\", \"closed\" } }\n"
                          "route \"all\" { team = \"t\" }\n",
                        0);
        assert_string_equal(policy_status(rules, "new")->rule.name, "new");
        assert_string_equal(policy_status(rules, "inquiry")->rule.name, "new");
        assert_null(policy_status(rules, "gone"));
        assert_null(policy_status(rules, NULL));
        assert_string_equal(policy_move(rules, "finish")->rule.name, "finish");
        assert_string_equal(policy_move(rules, "closed")->rule.name, "finish");
        assert_null(policy_move(rules, "auto")); /* nobody may ask for it */
        assert_null(policy_move(rules, "nothing"));
        assert_string_equal(policy_member_by_user(rules, "u1")->rule.name, "anna");
        assert_null(policy_member_by_user(rules, "ben"));
        assert_null(policy_member(rules, "carl"));
        assert_null(policy_team(rules, "x"));
        assert_null(policy_reason(rules, "x"));
        assert_null(policy_sla(rules, "x"));
        assert_null(policy_calendar(rules, "x"));
        assert_null(policy_member_calendar(policy_member(rules, "anna")));
        assert_string_equal(rule_kind_name(RULE_CRITERION), "criterion");
        policy_free(rules);
}

static void policy_member_is_away__days__are_those_of_the_members_zone(void **state) {
        (void) state;
        RuleSet *rules =
                load_text("calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n"
                          "calendar \"ny\" { zone = \"America/New_York\", open = { mon_fri = \"09:00-17:00\" } }\n"
                          "team \"t\" { calendar = \"berlin\", members = {\n"
                          "  anna = { away = { \"2026-03-12..2026-03-13\", \"2026-03-09..2026-03-11\", \"2026-03-28..2026-03-29\" } },\n"
                          "  ben = { away = \"2026-03-09\", calendar = \"ny\" } } }\n"
                          "team \"u\" { members = { carl = { away = \"2026-03-09\" } } }\n",
                        POLICY_LOAD_CALENDARS);
        static const struct {
                const char *member, *now, *until; /* until NULL: there */
        } cases[] = {
                { "anna", "2026-03-08T23:59:59+01:00", NULL },
                { "anna", "2026-03-09T00:00:00+01:00", "2026-03-14T00:00:00+01:00" }, /* two stretches that touch are one */
                { "anna", "2026-03-13T23:59:59+01:00", "2026-03-14T00:00:00+01:00" },
                { "anna", "2026-03-14T00:00:00+01:00", NULL },
                { "anna", "2026-03-29T12:00:00+02:00", "2026-03-30T00:00:00+02:00" }, /* over a change of the clocks */
                { "ben", "2026-03-09T04:30:00Z", "2026-03-10T04:00:00Z" },
                { "ben", "2026-03-09T03:30:00Z", NULL },
                { "carl", "2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z" }, /* no calendar: the site's zone */
                { "carl", "2026-03-10T00:00:00Z", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int64_t until_us = TIME_NONE;
                bool away = policy_member_is_away(policy_member(rules, cases[i].member), at(cases[i].now), &until_us);
                if (away != (cases[i].until != NULL) || (away && until_us != at(cases[i].until)))
                        fail_msg("%s at %s: got %s, want %s", cases[i].member, cases[i].now, away ? "away" : "there",
                                cases[i].until ? cases[i].until : "there");
        }
        policy_free(rules);
}

static void policy_load__a_teams_deputy__stands_in_for_members_that_name_none(void **state) {
        (void) state;
        RuleSet *rules = load_text("team \"t\" { on_absence = \"deputy\", deputy = \"ben\", members = { anna = { }, ben = { deputy = "
                                   "\"carl\" }, carl = { } } }",
                POLICY_LOAD_CALENDARS);
        assert_string_equal(policy_member(rules, "anna")->deputy->rule.name, "ben");
        assert_string_equal(policy_member(rules, "ben")->deputy->rule.name, "carl");
        policy_free(rules);
}

/* ---- what nobody would write --------------------------------------------- */

static void policy_load__rule_files_with_random_damage__never_break_the_loader(void **state) {
        (void) state;
        static const char *const splices[] = { "{", "}", "\"", "nil", "function() end", "0/0", "-1", "1e308", "{ {} }", "true", "any",
                "did{}", "..", "\\0", "[[", "--", "present", "error({})" };
        size_t size, n_loaded = 0;
        _cleanup_(base_freep) char *text = file_content(DATA "language.lua", &size);
        Directory directory;
        uint64_t random = 0x9e3779b97f4a7c15u;
        directory_open(&directory);
        for (int round = 0; round < 300; round++) {
                char *copy = calloc(1, size + 64);
                assert_non_null(copy);
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                const char *splice = splices[random % ARRAY_SIZE(splices)];
                size_t from = (random >> 8) % size, gone = (random >> 40) % 12;
                gone = from + gone > size ? size - from : gone;
                memcpy(copy, text, from);
                size_t length = from;
                memcpy(copy + length, splice, strlen(splice));
                length += strlen(splice);
                memcpy(copy + length, text + from + gone, size - from - gone);
                length += size - from - gone;
                directory_write(&directory, "rules.lua", copy, length);
                RuleSet *rules = NULL;
                _cleanup_(base_freep) char *report = directory_load(&directory, 0, &rules);
                assert_true(utf8_is_valid(report, strlen(report)));
                n_loaded += rules != NULL;
                policy_free(rules);
                free(copy);
        }
        directory_close(&directory);
        assert_true(n_loaded > 10 && n_loaded < 290);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(policy_load__the_languages_own_example__loads_and_means_what_it_says),
                cmocka_unit_test(policy_load__the_shipped_rules__have_no_problem_at_all),
                cmocka_unit_test(policy_load__an_adapter__becomes_what_intake_reads),
                cmocka_unit_test(policy_load__spool_directories__get_the_families_they_may_claim),
                cmocka_unit_test(policy_load__nothing_but_calendars__loads_when_asked_for),
                cmocka_unit_test(policy_load__files__run_in_name_order_and_others_are_left_alone),
                cmocka_unit_test(policy_load__what_is_no_readable_rule_file__is_told),
                cmocka_unit_test(policy_load__more_files_than_a_rule_set_may_have__are_told),
                cmocka_unit_test(policy_load__files__share_globals_but_rules_keep_their_words),
                cmocka_unit_test(policy_load_archive__of_a_loaded_set__gives_the_same_set_and_hash),
                cmocka_unit_test(policy_load__any_change_of_a_byte__is_another_hash),
                cmocka_unit_test(policy_load_archive__damaged_anywhere__is_refused_or_another_set),
                cmocka_unit_test(policy_find__names_aliases_users_and_old_names__are_followed),
                cmocka_unit_test(policy_member_is_away__days__are_those_of_the_members_zone),
                cmocka_unit_test(policy_load__a_teams_deputy__stands_in_for_members_that_name_none),
                cmocka_unit_test(policy_load__rule_files_with_random_damage__never_break_the_loader),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
