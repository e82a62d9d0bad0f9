/* SPDX-License-Identifier: MIT */
/*
 * Arbitrary bytes as the text of a mail, plain and as HTML: the first line is one line of bounded size, and tokens are tokens.
 */
#include <stdio.h>

/* The program's part is compiled in, because the library holds the daemon's rooms only. */
#include "../../daemon/mail/text.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tokens(const Text *tokens) {
        if (tokens->size > MAIL_TOKENS_MAX * (MAIL_TOKEN_SIZE + 1) || (tokens->size > 0 && (tokens->size + 1) % (MAIL_TOKEN_SIZE + 1) != 0))
                abort();
        for (size_t i = 0; i < tokens->size; i++)
                if (i % (MAIL_TOKEN_SIZE + 1) == MAIL_TOKEN_SIZE ? tokens->data[i] != ' ' : !is_token_char(tokens->data[i]))
                        abort();
}

static void look(const char *text, size_t size) {
        _cleanup_(text_free) Text line = { 0 }, tags = { 0 }, ids = { 0 };

        mail_first_line(text, size, &line);
        if (line.size > MAIL_LINE_MAX)
                abort();
        for (size_t i = 0; i < line.size; i++)
                if ((unsigned char) line.data[i] < 0x20 || line.data[i] == 0x7f)
                        abort();
        mail_find_tags(text, size, &tags);
        check_tokens(&tags);
        mail_find_ids(text, size, &ids);
        check_tokens(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(text_free) Text plain = { 0 };

        look((const char *) data, size);
        mail_html_to_text((const char *) data, size, &plain);
        look(plain.data ? plain.data : "", plain.size);
        return 0;
}
