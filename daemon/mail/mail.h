#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * leadd-mail, inside: takes one mail apart and says as JSON what is in it for leadd: the first line of a reply and the tokens it brought
 * back, or records that are attached. A process of its own, because what comes in by mail is anybody's: it has no socket, no database and
 * bounded time and memory, and what it gets wrong ends with it.
 */
#include "leadd/base.h"

#define MAIL_SIZE_MAX (32 * 1024 * 1024)
#define MAIL_PARTS_MAX 200
#define MAIL_DEPTH_MAX 20           /* multiparts in multiparts */
#define MAIL_TEXT_MAX (1024 * 1024) /* bytes of a part's text that are looked at */
#define MAIL_LINE_MAX 4000          /* bytes of a first line: what is behind is left out */
#define MAIL_TOKEN_SIZE 40          /* characters of a token (leadd/notify.h) */
#define MAIL_TOKENS_MAX 64          /* candidates in header or text */
#define MAIL_HEADER_MAX (16 * 1024) /* bytes of a header field that are looked at */
#define MAIL_RECORDS_MAX 32         /* attachments that are records */
#define MAIL_MEMORY_MAX (512 << 20)
#define MAIL_CPU_S 20

/* ---- text.c: pure; texts are UTF-8, of any content ---- */

/* What a person would read of it, a block a line; quotations begin with "> ". */
void mail_html_to_text(const char *html, size_t size, Text *out);
/* The first line its writer said: behind blank lines, quotations and who they are from; nothing when there is only a signature. */
void mail_first_line(const char *text, size_t size, Text *out);
/* Adds what may be tokens, "[L-42 TOKEN]", each once, with blanks between. A line break or quoting marks in one do not matter. */
void mail_find_tags(const char *text, size_t size, Text *out);
/* The same in Message-IDs: "<leadd.17.TOKEN@firm.de>". */
void mail_find_ids(const char *text, size_t size, Text *out);

/* ---- take.c ---- */

/* {automatic, tokens, quoted, line, records: [{format, name, data}]}, data in base64. -EBADMSG: it is no mail; *ret_problem says why.
 * json_t: freed by the caller. */
struct json_t;
int mail_take(const char *data, size_t size, struct json_t **ret, const char **ret_problem);
