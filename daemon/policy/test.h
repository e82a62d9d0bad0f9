#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * policy, inside: what the parts of the kind `test` share. test_words.c gives test files their words, test_given.c writes the
 * records of a test, test_expect.c compiles what is expected, kind_test.c puts it together.
 */
#include "condition.h"
#include "load.h"

typedef enum TestWord {
        WORD_NONE = 0,
        WORD_LEAD,
        WORD_ACTIVITY,
        WORD_OUTCOME,
        WORD_CONSENT,
        WORD_COMPANY,
        WORD_AWAY,
        WORD_BACK,
        WORD_PAYLOAD,
        N_TEST_WORDS,
} TestWord;

/* ---- test_words.c ---- */

const char *test_word_name(TestWord word);
/* Makes the words; once a sandbox. Raises. */
void test_words_register(lua_State *L);
/* Pushes the environment of a test file: the words of rules and those of tests; what it adds stays in it. [-0, +1, e] */
void test_words_open(lua_State *L);
/* Pushes the word of that name; false when there is none. [-0, +(0|1), e] */
bool test_word_push(lua_State *L, const char *name);
/* Which word made the value at index. */
TestWord test_word(lua_State *L, int index);

/* ---- the test that is compiled ---- */

typedef struct TestDraft {
        Load *load;
        Test *test;
        const char *doc;
        int64_t at_us;          /* of the test; TIME_NONE: it was not there or wrong */
        bool has_subject;       /* a lead{..} says whom the test is about */
        bool subject_is_known;  /* and `subject` holds what identifies it */
        const char *subject;    /* members of its data.person as JSON text */
        const char *subject_of; /* its e-mail; NULL */
        bool payload_unread;    /* one could not be read: who is in it is not known */
        const char **emails;    /* of everybody in the test */
        size_t n_emails, emails_capacity;
        size_t step; /* the one at hand, from 0 */
        TestStep *steps;
} TestDraft;

/* As a JSON string. */
void test_write_text(Text *out, const char *text, size_t size);
/* Notes an e-mail that somebody in the test has. 0 or -ENOMEM. */
int test_note_email(TestDraft *draft, const char *email);
/* payload{..} at index; ret->body stays NULL when it is none. 0 or -ENOMEM. */
int test_compile_payload(TestDraft *draft, int index, const char *where, TestGiven *ret);
/* Looks through the list of records at index for whom they are about. Raises; 0 or -ENOMEM. */
int test_find_people(TestDraft *draft, int index);
/* The list of records at index into the step at hand. */
int test_compile_given(TestDraft *draft, int index, const char *where);
/* The expectations at index (one table or a list of them) into the step at hand. */
int test_compile_expect(TestDraft *draft, int index, const char *where);
/* Reports an e-mail that nobody in the test has. */
bool test_check_of(TestDraft *draft, const char *where, const char *of);
/* "2026-03-05T10:00:00+01:00"; false: reported. */
bool test_read_time(Load *load, int index, const char *name, int64_t *ret_us);
