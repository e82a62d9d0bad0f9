/* SPDX-License-Identifier: MIT */
/*
 * What intake knows of the world: addresses, telephone numbers, countries, ranks in
 * titles, times as integrations write them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../daemon/intake/country.h"
#include "../../daemon/intake/internal.h"

#define check_text(got, want, ...) \
        do { \
                const char *_got = (got), *_want = (want); \
                if ((_got == NULL) != (_want == NULL) || (_got && strcmp(_got, _want) != 0)) { \
                        print_error(__VA_ARGS__); \
                        print_error(": got %s, want %s\n", _got ? _got : "nothing", _want ? _want : "nothing"); \
                        n_wrong++; \
                } \
        } while (0)

/* ---- e-mail ---- */

static void email__table__is_normalised_or_no_address(void **state) {
        (void) state;
        size_t n_wrong = 0;
        static const struct {
                const char *text, *want;
        } cases[] = {
                { "m@keller.example", "m@keller.example" },
                { " M.Keller+News@KELLER.Example\r\n", "m.keller+news@keller.example" },
                { "m@keller.example.", "m@keller.example" },
                { "m@b\xc3\xbc"
                  "cher.example",
                        "m@xn--bcher-kva.example" },
                { "M\xc3\x9cLLER@keller.example", "m\xc3\xbcller@keller.example" },
                { "m@XN--BCHER-KVA.example", "m@xn--bcher-kva.example" },
                { "m@stra\xc3\x9f"
                  "e.example",
                        "m@xn--strae-oqa.example" },
                { "o'neil!#$%&*/=?^_`{|}~-@x.example", "o'neil!#$%&*/=?^_`{|}~-@x.example" },
                { "m@a-b.c-d.example", "m@a-b.c-d.example" },
                { "m@1.example", "m@1.example" },
                { "", NULL },
                { "m", NULL },
                { "m@", NULL },
                { "@keller.example", NULL },
                { "m@keller", NULL },
                { "m@@keller.example", NULL },
                { "m@k@eller.example", NULL },
                { "m keller@keller.example", NULL },
                { "m@kel ler.example", NULL },
                { "m@-keller.example", NULL },
                { "m@keller-.example", NULL },
                { "m@keller..example", NULL },
                { "m@.example", NULL },
                { "m@192.0.2.1", NULL },
                { "m@[192.0.2.1]", NULL },
                { "\"m\"@keller.example", NULL },
                { "M <m@keller.example>", NULL },
                { "a@x.example, b@x.example", NULL },
                { "m@keller_x.example", NULL },
                { "m\x01@keller.example", NULL },
                { "m@keller.example\x7f", NULL },
                { "\xff@keller.example", NULL },
                { "m@\xff.example", NULL },
                { "m(c)@keller.example", NULL },
                { "m@xn--a-\xc3\xbc.example", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char got[EMAIL_TEXT_SIZE];
                int r = email_normalise(cases[i].text, strlen(cases[i].text), got);
                assert_true(r == 0 || r == RECORD_E_CORRUPT);
                check_text(r == 0 ? got : NULL, cases[i].want, "\"%s\"", cases[i].text);
        }
        assert_int_equal(n_wrong, 0);
}

static void email__limits__are_of_parts_and_whole(void **state) {
        (void) state;
        char text[600], got[EMAIL_TEXT_SIZE];
        for (int over = 0; over < 2; over++) {
                (void) snprintf(text, sizeof text, "%0*d@k.example", 64 + over, 7);
                assert_int_equal(email_normalise(text, strlen(text), got), over ? RECORD_E_CORRUPT : 0);
                (void) snprintf(text, sizeof text, "m@a%0*d.example", 62 + over, 7);
                assert_int_equal(email_normalise(text, strlen(text), got), over ? RECORD_E_CORRUPT : 0);
                /* 64 + 1 + 189 = 254 */
                (void) snprintf(text, sizeof text, "%064d@a%060d.a%060d.a%0*d.example", 7, 7, 7, 56 + over, 7);
                assert_int_equal(strlen(text), 254 + over);
                assert_int_equal(email_normalise(text, strlen(text), got), over ? RECORD_E_CORRUPT : 0);
        }
        memset(text, 'a', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        assert_int_equal(email_normalise(text, strlen(text), got), RECORD_E_CORRUPT);
        text[1] = '@';
        assert_int_equal(email_normalise(text, strlen(text), got), RECORD_E_CORRUPT);
}

static void email__domains_of_everybody__make_no_company(void **state) {
        (void) state;
        static const char *const everybody[] = { "gmail.com", "126.com", "zoho.com", "web.de", "t-online.de", "gmx.net", "yahoo.co.uk",
                "free.fr" };
        static const char *const companies[] = { "keller.example", "gmail.com.example", "", "zzz.com", "0.com", "gmail.co" };
        for (size_t i = 0; i < ARRAY_SIZE(everybody); i++)
                if (!email_domain_is_free(everybody[i]))
                        fail_msg("%s is not known", everybody[i]);
        for (size_t i = 0; i < ARRAY_SIZE(companies); i++)
                assert_false(email_domain_is_free(companies[i]));
}

/* ---- countries ---- */

static void country__names_and_codes__are_found(void **state) {
        (void) state;
        size_t n_wrong = 0;
        static const struct {
                const char *text, *want;
        } cases[] = {
                { "DE", "DE" },
                { "de", "DE" },
                { "DEU", "DE" },
                { "Germany", "DE" },
                { "GERMANY ", "DE" },
                { "Deutschland", "DE" },
                { "Allemagne", "DE" },
                { "Alemania", "DE" },
                { "Federal Republic of Germany", "DE" },
                { "USA", "US" },
                { "U.S.A.", "US" },
                { "U.S.", "US" },
                { "United States", "US" },
                { "The United States of America", "US" },
                { "Vereinigte Staaten", "US" },
                { "UK", "GB" },
                { "GB", "GB" },
                { "Great Britain", "GB" },
                { "England", "GB" },
                { "united  kingdom", "GB" },
                { "\xc3\x96sterreich", "AT" },
                { "Oesterreich", "AT" },
                { "\xc3\x96STERREICH", "AT" },
                { "O\xcc\x88sterreich", "AT" },
                { "T\xc3\xbcrkiye", "TR" },
                { "Turkey", "TR" },
                { "T\xc3\xbcrkei", "TR" },
                { "Tuerkei", "TR" },
                { "Espa\xc3\xb1"
                  "a",
                        "ES" },
                { "Espana", "ES" },
                { "C\xc3\xb4te d\xe2\x80\x99Ivoire", "CI" },
                { "Cote d'Ivoire", "CI" },
                { "Ivory Coast", "CI" },
                { "Czech Republic", "CZ" },
                { "\xc4\x8c"
                  "esko",
                        "CZ" },
                { "Schweiz", "CH" },
                { "Suisse", "CH" },
                { "Svizzera", "CH" },
                { "Nederland", "NL" },
                { "Holland", "NL" },
                { "The Netherlands", "NL" },
                { "South Korea", "KR" },
                { "Korea, Republic of", "KR" },
                { "Republic of Korea", "KR" },
                { "North Korea", "KP" },
                { "\xe4\xb8\xad\xe5\x9b\xbd", "CN" },
                { "\xe6\x97\xa5\xe6\x9c\xac", "JP" },
                { "\xd0\xa0\xd0\xbe\xd1\x81\xd1\x81\xd0\xb8\xd1\x8f", "RU" },
                { "Russian Federation", "RU" },
                { "Viet Nam", "VN" },
                { "Kosovo", "XK" },
                { "UAE", "AE" },
                { "Bosnia & Herzegovina", "BA" },
                { "Bosnia and Herzegovina", "BA" },
                { "Trinidad and Tobago", "TT" },
                { "Sverige", "SE" },
                { "Norge", "NO" },
                { "Danmark", "DK" },
                { "Suomi", "FI" },
                { "Polska", "PL" },
                { "Hong Kong", "HK" },
                { "Taiwan", "TW" },
                { "Congo", "CG" },
                { "DR Congo", "CD" },
                { "", NULL },
                { " ", NULL },
                { "Atlantis", NULL },
                { "XX", NULL },
                { "EU", NULL },
                { "Ger many x", NULL },
                { "D", NULL },
                { "12", NULL },
                { "\xff\xff", NULL },
                { "Other", NULL },
                { "None", NULL },
                { "--", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check_text(country_find(cases[i].text, strlen(cases[i].text)), cases[i].want, "\"%s\"", cases[i].text);
        char long_text[400];
        memset(long_text, 'a', sizeof long_text);
        assert_null(country_find(long_text, sizeof long_text));
        assert_int_equal(n_wrong, 0);
}

static void country__table__is_whole_folded_and_without_ambiguity(void **state) {
        (void) state;
        size_t n_wrong = 0;
        assert_int_equal(intake_n_countries, 250); /* 249 of ISO 3166-1, and XK */
        for (size_t i = 0; i < intake_n_countries; i++) {
                const Country *country = &intake_countries[i];
                check_text(country_find(country->alpha2, 2), country->alpha2, "alpha-2 %s", country->alpha2);
                check_text(country_find(country->alpha3, 3), country->alpha2, "alpha-3 %s", country->alpha3);
                assert_ptr_equal(country_by_alpha2(country->alpha2), country);
                for (const char *name = country->names; *name;) {
                        size_t size = strcspn(name, "|"), folded_size;
                        char folded[FOLD_SIZE_MAX];
                        assert_true(name_fold(name, size, folded, &folded_size));
                        if (folded_size != size || memcmp(folded, name, size) != 0) {
                                print_error("%.*s is not folded\n", (int) size, name);
                                n_wrong++;
                        }
                        check_text(country_find(name, size), country->alpha2, "%.*s", (int) size, name);
                        name += size + (name[size] == '|');
                }
                assert_true(country->digits_min <= country->digits_max && country->digits_max <= 15);
        }
        assert_int_equal(n_wrong, 0);
}

/* ---- telephone numbers ---- */

static void phone__table__is_resolved_or_left_alone(void **state) {
        (void) state;
        size_t n_wrong = 0;
        static const struct {
                const char *text, *region, *want;
        } cases[] = {
                { "+493055501042", NULL, "+493055501042" },
                { "+49 30 5550-1042", "US", "+493055501042" },
                { "+49 (0)30 55501042", NULL, "+493055501042" },
                { "+49 030 55501042", NULL, "+493055501042" },
                { "0049 30 55501042", "DE", "+493055501042" },
                { "0049 30 55501042", NULL, "+493055501042" },
                { "030 5550 1042", "DE", "+493055501042" },
                { "030/55501042", "DE", "+493055501042" },
                { "(030) 5550.1042", "DE", "+493055501042" },
                { "tel:+49-30-55501042", NULL, "+493055501042" },
                { "+49\xc2\xa0"
                  "30\xc2\xa0"
                  "55501042",
                        NULL, "+493055501042" },
                { "0151 12345678", "DE", "+4915112345678" },
                { "(415) 555-0100", "US", "+14155550100" },
                { "1-415-555-0100", "US", "+14155550100" },
                { "011 49 30 55501042", "US", "+493055501042" },
                { "06 12 34 56 78", "FR", "+33612345678" },
                { "612345678", "FR", "+33612345678" }, /* a spreadsheet has eaten the 0 */
                { "020 7946 0958", "GB", "+442079460958" },
                { "+44 (0)20 7946 0958", NULL, "+442079460958" },
                { "02 1234 5678", "IT", "+390212345678" }, /* Italy keeps its 0 */
                { "+39 02 1234 5678", NULL, "+390212345678" },
                { "8 (912) 345-67-89", "RU", "+79123456789" },
                { "912 345 67 89", "RU", "+79123456789" },
                { "06 1 234 5678", "HU", "+3612345678" },
                { "600 123 456", "ES", "+34600123456" },
                { "0011 49 30 55501042", "AU", "+493055501042" },
                { "030 5550 1042", NULL, NULL },
                { "5550 1042", "DE", NULL }, /* of which town? */
                { "+493055501042 ext. 12", "DE", NULL },
                { "+49", NULL, NULL },
                { "+0493055501042", NULL, NULL },
                { "+999 12345678", NULL, NULL },
                { "+1 23", NULL, NULL },
                { "++493055501042", NULL, NULL },
                { "49+3055501042", "DE", NULL },
                { "123", "DE", NULL },
                { "0", "DE", NULL },
                { "", "DE", NULL },
                { "ask me", "DE", NULL },
                { "1-800-FLOWERS", "US", NULL },
                { "00000000000000000000000000000000", "DE", NULL },
                { "+4930555010421234567", NULL, NULL },
                { "030 5550 1042", "XX", NULL },
                { "030 5550 1042", "AQ", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char got[PHONE_TEXT_SIZE];
                bool ok = phone_resolve(cases[i].text, strlen(cases[i].text), cases[i].region, got);
                check_text(ok ? got : NULL, cases[i].want, "\"%s\" in %s", cases[i].text, cases[i].region ? cases[i].region : "-");
                if (ok && !phone_is_e164(got))
                        fail_msg("%s is not E.164", got);
        }
        assert_int_equal(n_wrong, 0);
        assert_false(phone_is_e164("+49"));
        assert_false(phone_is_e164("+0493055501042"));
        assert_false(phone_is_e164("493055501042"));
        assert_false(phone_is_e164("+49305550104x"));
        assert_false(phone_is_e164("+1234567890123456"));
        assert_true(phone_is_e164("+123456789012345"));
}

/* ---- titles ---- */

static void title__words_of_rank__decide_in_order(void **state) {
        (void) state;
        size_t n_wrong = 0;
        static const struct {
                const char *title, *want;
        } cases[] = {
                { "CEO", "c_level" },
                { "C.E.O.", "c_level" },
                { "Chief Marketing Officer", "c_level" },
                { "Co-Founder & CEO", "owner" },
                { "Cofounder", "owner" },
                { "Owner", "owner" },
                { "Product Owner", "individual" },
                { "Inhaberin", "owner" },
                { "Gr\xc3\xbcnder", "owner" },
                { "Gesch\xc3\xa4"
                  "ftsf\xc3\xbchrer",
                        "c_level" },
                { "GESCH\xc3\x84"
                  "FTSF\xc3\x9cHRERIN",
                        "c_level" },
                { "Geschaeftsfuehrer", "c_level" },
                { "Managing Director", "c_level" },
                { "President", "c_level" },
                { "Vice President Sales", "vp" },
                { "VP Marketing", "vp" },
                { "SVP, Growth", "vp" },
                { "V.P. Sales", "vp" },
                { "MVP", NULL },
                { "Director of Operations", "director" },
                { "Head of Logistics", "director" },
                { "Leiterin Logistik", "director" },
                { "Leiter Einkauf", "director" },
                { "IT-Leiter", "director" },
                { "Vertriebsleiterin", "director" },
                { "Abteilungsleiter", "director" },
                { "Teamleiter", "manager" },
                { "Projektleiterin", "manager" },
                { "Directeur Marketing", "director" },
                { "Directeur g\xc3\xa9"
                  "n\xc3\xa9"
                  "ral",
                        "c_level" },
                { "Director General", "c_level" },
                { "Marketing Manager", "manager" },
                { "Senior Marketing Manager", "manager" },
                { "Office Managerin", "manager" },
                { "Junior Product Manager", "entry" },
                { "Intern", "entry" },
                { "International Sales Manager", "manager" },
                { "Werkstudentin Marketing", "entry" },
                { "Senior Engineer", "senior" },
                { "Tech Lead", "senior" },
                { "Software Engineer", "individual" },
                { "Vertriebsassistentin", "individual" },
                { "Assistant to the CEO", "individual" },
                { "Executive Assistant", "individual" },
                { "Assistentin der Gesch\xc3\xa4"
                  "ftsf\xc3\xbchrung",
                        "individual" },
                { "Entwickler", "individual" },
                { "Sachbearbeiterin", "individual" },
                { "Chef de projet", "manager" },
                { "Gerente de ventas", "manager" },
                { "", NULL },
                { "Wizard", NULL },
                { "   ", NULL },
                { "\xff\xff", NULL },
                { "Leiterplattenbest\xc3\xbc"
                  "ckung",
                        NULL },
                { "Directory Services", NULL },
                { "Chiefs", NULL },
        };
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check_text(title_seniority(arena, cases[i].title, strlen(cases[i].title)), cases[i].want, "\"%s\"", cases[i].title);
        assert_int_equal(n_wrong, 0);
}

/* ---- times ---- */

static void time__forms__are_read_or_refused(void **state) {
        (void) state;
        Zone *zone = NULL;
        assert_int_equal(zone_new("Europe/Berlin", &zone), 0);
        ZoneCacheEntry zones[INTAKE_ZONES_MAX];
        size_t n_zones = 0;
        IntakeSettings settings = { .zone = zone };
        IntakeContext context = { .settings = &settings, .zones = zones, .n_zones = &n_zones };
        static const struct {
                const char *json;
                AdapterTime form;
                const char *zone, *want;
        } cases[] = {
                { "\"2026-03-05T14:22:31Z\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T14:22:31Z" },
                { "\" 2026-03-05T14:22:31.5+01:00 \"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T13:22:31.500Z" },
                { "\"2026-03-05T14:22:28+0000\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T14:22:28Z" },
                { "\"2026-03-05 14:22:28+0000\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T14:22:28Z" },
                { "1772720551", ADAPTER_TIME_AUTO, NULL, "2026-03-05T14:22:31Z" },
                { "1772720551.25", ADAPTER_TIME_AUTO, NULL, "2026-03-05T14:22:31.250Z" },
                { "1772720551288", ADAPTER_TIME_AUTO, NULL, "2026-03-05T14:22:31.288Z" },
                { "1772720551288001", ADAPTER_TIME_AUTO, NULL, "2026-03-05T14:22:31.288001Z" },
                { "\"1772720551\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T14:22:31Z" },
                { "\"1772720551000\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T14:22:31Z" },
                { "1772720551288", ADAPTER_TIME_UNIX_MS, NULL, "2026-03-05T14:22:31.288Z" },
                { "12345", ADAPTER_TIME_UNIX, NULL, "1970-01-01T03:25:45Z" },
                { "\"2026-03-05 14:22:31\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T13:22:31Z" },
                { "\"2026-07-05T14:22:31\"", ADAPTER_TIME_AUTO, NULL, "2026-07-05T12:22:31Z" },
                { "\"2026-03-05 14:22:31\"", ADAPTER_TIME_LOCAL, "America/New_York", "2026-03-05T19:22:31Z" },
                { "\"2026-03-05 14:22:31\"", ADAPTER_TIME_LOCAL, "America/New_York", "2026-03-05T19:22:31Z" },
                { "\"2026-03-05 14:22:31 UTC\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T14:22:31Z" },
                { "\"2026-03-05 14:22\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T13:22:00Z" },
                { "\"2026-03-05\"", ADAPTER_TIME_AUTO, NULL, "2026-03-04T23:00:00Z" },
                { "\"2026/03/05 14:22:31\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T13:22:31Z" },
                { "\"05.03.2026 14:22\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T13:22:00Z" },
                { "\"5.3.2026, 14:22:31\"", ADAPTER_TIME_AUTO, NULL, "2026-03-05T13:22:31Z" },
                { "\"05.03.2026\"", ADAPTER_TIME_AUTO, NULL, "2026-03-04T23:00:00Z" },
                { "\"03/05/2026\"", ADAPTER_TIME_AUTO, NULL, NULL }, /* March or May? */
                { "\"March 5, 2026\"", ADAPTER_TIME_AUTO, NULL, NULL },
                { "\"2026-13-05\"", ADAPTER_TIME_AUTO, NULL, NULL },
                { "\"2026-02-30\"", ADAPTER_TIME_AUTO, NULL, NULL },
                { "\"31.04.2026\"", ADAPTER_TIME_AUTO, NULL, NULL },
                { "\"2026-03-05T25:00:00Z\"", ADAPTER_TIME_AUTO, NULL, NULL },
                { "\"1850-01-01\"", ADAPTER_TIME_AUTO, NULL, NULL },
                { "-5", ADAPTER_TIME_AUTO, NULL, NULL },
                { "1e300", ADAPTER_TIME_AUTO, NULL, NULL },
                { "\"2026\"", ADAPTER_TIME_AUTO, NULL, NULL },
                { "\"12345678\"", ADAPTER_TIME_AUTO, NULL, NULL },
                { "\"1.2.3\"", ADAPTER_TIME_UNIX, NULL, NULL },
                { "\"\"", ADAPTER_TIME_AUTO, NULL, NULL },
                { "\"2026-03-05T14:22:31\"", ADAPTER_TIME_RFC3339, NULL, NULL },
                { "1772720551", ADAPTER_TIME_RFC3339, NULL, NULL },
                { "\"2026-03-05T14:22:31Z\"", ADAPTER_TIME_UNIX, NULL, NULL },
                { "\"2026-03-05T14:22:31Z\"", ADAPTER_TIME_LOCAL, NULL, NULL },
                { "true", ADAPTER_TIME_AUTO, NULL, NULL },
                { "null", ADAPTER_TIME_AUTO, NULL, NULL },
                { "[1772720551]", ADAPTER_TIME_AUTO, NULL, NULL },
        };
        size_t n_wrong = 0;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                json_t *value = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
                assert_non_null(value);
                int64_t time_us = 0;
                char buf[TIME_TEXT_SIZE];
                bool ok = draft_parse_time(&context, value, cases[i].form, cases[i].zone, &time_us);
                check_text(ok ? time_format_rfc3339(time_us, buf) : NULL, cases[i].want, "%s as form %d", cases[i].json, cases[i].form);
                json_decref(value);
        }
        assert_int_equal(n_zones, 1); /* looked up once */
        zone_unref((Zone *) zones[0].zone);
        zone_unref(zone);
        assert_int_equal(n_wrong, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(email__table__is_normalised_or_no_address),
                cmocka_unit_test(email__limits__are_of_parts_and_whole),
                cmocka_unit_test(email__domains_of_everybody__make_no_company),
                cmocka_unit_test(country__names_and_codes__are_found),
                cmocka_unit_test(country__table__is_whole_folded_and_without_ambiguity),
                cmocka_unit_test(phone__table__is_resolved_or_left_alone),
                cmocka_unit_test(title__words_of_rank__decide_in_order),
                cmocka_unit_test(time__forms__are_read_or_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
