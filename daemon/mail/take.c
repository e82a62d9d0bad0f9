/* SPDX-License-Identifier: MIT */
/*
 * From a mail (RFC 5322, MIME) to what is in it for leadd, by GMime. Looks at the header, at the first text that a person reads, and at
 * what is attached; mails inside mails stay closed: what was forwarded is not what its sender says.
 */
#include "mail.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <jansson.h>
#include <strings.h>

static void object_unrefp(void *p) {
        GObject **object = p;

        if (*object)
                g_object_unref(*object);
}

typedef struct Taking {
        json_t *records;
        size_t n_parts;
        bool failed;
        GMimePart *plain, *html; /* the first of each; borrowed */
} Taking;

/* ---- decoding ---- */

/* The content with its transfer encoding undone, at most size_max bytes of it. NULL on exhaustion. */
static GByteArray *decode(GMimePart *part, size_t size_max) {
        GMimeDataWrapper *content = g_mime_part_get_content(part);
        _cleanup_(object_unrefp) GMimeStream *stream = g_mime_stream_mem_new();

        if (content && g_mime_data_wrapper_write_to_stream(content, stream) < 0)
                return NULL;
        GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
        g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE); /* ours now */
        if (bytes->len > size_max)
                g_byte_array_set_size(bytes, (guint) size_max);
        return bytes;
}

/* As UTF-8, whatever it says it is: a mail that lies about its charset is read as well as it can be. */
static char *decode_text(GMimePart *part) {
        const char *charset = g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset");
        GByteArray *bytes = decode(part, MAIL_TEXT_MAX);
        char *text = NULL;

        if (!bytes)
                return NULL;
        GMimeFilter *filter =
                bytes->len > 0 && charset && strcasecmp(charset, "utf-8") != 0 ? g_mime_filter_charset_new(charset, "utf-8") : NULL;
        if (filter) {
                char *out;
                size_t size, prespace;
                g_mime_filter_complete(filter, (char *) bytes->data, bytes->len, 0, &out, &size, &prespace);
                text = g_utf8_make_valid(out, (gssize) size);
                g_object_unref(filter);
        } else
                text = g_utf8_make_valid(bytes->len > 0 ? (const char *) bytes->data : "", (gssize) bytes->len);
        g_byte_array_unref(bytes);
        return text;
}

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n\f\v")] == '\0'; }

/* ---- attachments ---- */

/* "csv.gz" of "leads.csv.gz", when leadd reads that; else NULL. */
static const char *format_of_name(const char *name) {
        static const char *const formats[] = { "json", "ndjson", "csv", "form", "xml" };
        static const char *const packs[] = { "", ".gz", ".zst" };
        static char format[16];
        size_t size = name ? strlen(name) : 0;

        for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
                for (size_t k = 0; k < ARRAY_SIZE(packs); k++) {
                        (void) snprintf(format, sizeof format, "%s%s", formats[i], packs[k]);
                        size_t n = strlen(format);
                        if (size > n + 1 && name[size - n - 1] == '.' && strcasecmp(name + size - n, format) == 0)
                                return format;
                }
        return NULL;
}

static const char *format_of_type(GMimeContentType *type) {
        static const struct {
                const char *type, *subtype, *format;
        } types[] = {
                { "application", "json", "json" },
                { "application", "ld+json", "json" },
                { "application", "cloudevents+json", "json" },
                { "application", "cloudevents-batch+json", "json" },
                { "application", "ndjson", "ndjson" },
                { "application", "x-ndjson", "ndjson" },
                { "application", "jsonl", "ndjson" },
                { "text", "csv", "csv" },
                { "application", "csv", "csv" },
                { "application", "x-www-form-urlencoded", "form" },
                { "application", "x-adf+xml", "xml" },
                { "application", "adf+xml", "xml" },
                { "application", "xml", "xml" },
                { "text", "xml", "xml" },
        };

        for (size_t i = 0; type && i < ARRAY_SIZE(types); i++)
                if (g_mime_content_type_is_type(type, types[i].type, types[i].subtype))
                        return types[i].format;
        return NULL;
}

/* Portals write a record where a person would write: ADF or one JSON object as the text itself. */
static const char *format_of_text(const char *text) {
        text += strspn(text, " \t\r\n\f\v");
        if (strncasecmp(text, "<?xml", 5) == 0 || strncasecmp(text, "<?adf", 5) == 0 || strncasecmp(text, "<adf", 4) == 0)
                return "xml";
        return *text == '{' ? "json" : NULL;
}

static void add_record(Taking *taking, const char *format, const void *data, size_t size) {
        if (json_array_size(taking->records) >= MAIL_RECORDS_MAX)
                return;
        g_autofree char *encoded = g_base64_encode(data, size);
        json_t *record = json_pack("{s:s, s:s}", "format", format, "data", encoded);

        if (!record || json_array_append_new(taking->records, record) < 0)
                taking->failed = true;
}

static void take_part(Taking *taking, GMimePart *part) {
        GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
        const char *format = format_of_name(g_mime_part_get_filename(part));

        if (!format)
                format = format_of_type(type);
        if (format) {
                GByteArray *bytes = decode(part, MAIL_SIZE_MAX);
                if (!bytes) {
                        taking->failed = true;
                        return;
                }
                if (bytes->len > 0)
                        add_record(taking, format, bytes->data, bytes->len);
                g_byte_array_unref(bytes);
                return;
        }
        bool attached = g_mime_part_is_attachment(part) || g_mime_part_get_filename(part);
        bool is_html = g_mime_content_type_is_type(type, "text", "html");
        GMimePart **slot = is_html ? &taking->html : g_mime_content_type_is_type(type, "text", "plain") ? &taking->plain : NULL;
        if (!slot || *slot || attached)
                return;
        g_autofree char *text = decode_text(part);
        if (!text)
                taking->failed = true;
        else if (!is_blank(text))
                *slot = part;
}

static void take_object(Taking *taking, GMimeObject *object, unsigned depth) {
        if (!object || depth > MAIL_DEPTH_MAX || ++taking->n_parts > MAIL_PARTS_MAX)
                return;
        if (GMIME_IS_PART(object))
                take_part(taking, GMIME_PART(object));
        else if (GMIME_IS_MULTIPART(object))
                for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(object)) && taking->n_parts < MAIL_PARTS_MAX; i++)
                        take_object(taking, g_mime_multipart_get_part(GMIME_MULTIPART(object), i), depth + 1);
}

/* ---- the header ---- */

static const char *header(GMimeMessage *message, const char *name) {
        const char *value = g_mime_object_get_header(GMIME_OBJECT(message), name);

        return value ? value : "";
}

static size_t header_size(const char *value) {
        size_t size = strlen(value);

        return size < MAIL_HEADER_MAX ? size : MAIL_HEADER_MAX;
}

/* Why nobody wrote this: vacation notices, reports, lists. Such a mail never answers anything, and is never answered (RFC 3834). NULL =
 * a person may have. */
static const char *why_automatic(GMimeMessage *message) {
        static const char *const precedences[] = { "bulk", "junk", "list", "auto_reply" };
        GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(message));
        GMimeObject *body = g_mime_message_get_mime_part(message);
        const char *submitted = header(message, "Auto-Submitted"), *from = header(message, "From"), *path = header(message, "Return-Path");

        if (body)
                type = g_mime_object_get_content_type(body);
        while (*submitted == ' ')
                submitted++;
        if (*submitted &&
                (strncasecmp(submitted, "no", 2) != 0 || is_blank(submitted) || (submitted[2] && !strchr(" ;\t(\r\n", submitted[2]))))
                return "it is marked as sent by a program (Auto-Submitted)";
        for (size_t i = 0; i < ARRAY_SIZE(precedences); i++)
                if (strcasecmp(header(message, "Precedence"), precedences[i]) == 0)
                        return "it is marked as sent to many or by a program (Precedence)";
        if (*header(message, "X-Autoreply") || *header(message, "X-Autorespond"))
                return "it is marked as an automatic reply";
        if (type && g_mime_content_type_is_type(type, "multipart", "report"))
                return "it is a report of a mail system";
        /* The empty sender; Postfix writes a name for it. */
        if (base_streq(path, "<>") || strncasecmp(path, "<mailer-daemon", 14) == 0 || strcasestr(from, "mailer-daemon@"))
                return "it comes from a mail system";
        return NULL;
}

/* ---- all of it ---- */

static json_t *valid_json(const char *text, size_t size) {
        g_autofree char *valid = g_utf8_make_valid(text ? text : "", (gssize) size);

        return json_string(valid);
}

static json_t *text_json(const Text *text) { return text->error == 0 ? valid_json(text->data, text->size) : NULL; }

int mail_take(const char *data, size_t size, json_t **ret, const char **ret_problem) {
        _cleanup_(text_free) Text tokens = { 0 }, quoted = { 0 }, line = { 0 }, plain = { 0 };
        _cleanup_(object_unrefp) GMimeStream *stream = g_mime_stream_mem_new_with_buffer(data, size);
        _cleanup_(object_unrefp) GMimeParser *parser = g_mime_parser_new_with_stream(stream);
        _cleanup_(object_unrefp) GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);

        if (!message || g_mime_header_list_get_count(g_mime_object_get_header_list(GMIME_OBJECT(message))) == 0) {
                *ret_problem = "it has no header";
                return -EBADMSG;
        }
        Taking taking = { .records = json_array() };
        take_object(&taking, g_mime_message_get_mime_part(message), 0);
        if (taking.plain || taking.html) {
                g_autofree char *text = decode_text(taking.plain ? taking.plain : taking.html);
                if (!text)
                        taking.failed = true;
                else if (taking.plain)
                        text_append(&plain, text);
                else
                        mail_html_to_text(text, strlen(text), &plain);
        }
        if (plain.size > 0) {
                const char *format = taking.plain ? format_of_text(plain.data) : NULL;
                if (format)
                        add_record(&taking, format, plain.data, plain.size);
                mail_first_line(plain.data, plain.size, &line);
                mail_find_tags(plain.data, plain.size, &quoted);
        }
        const char *subject = g_mime_message_get_subject(message);
        mail_find_ids(header(message, "In-Reply-To"), header_size(header(message, "In-Reply-To")), &tokens);
        mail_find_tags(subject ? subject : "", header_size(subject ? subject : ""), &tokens);
        mail_find_ids(header(message, "References"), header_size(header(message, "References")), &quoted);
        const char *automatic = why_automatic(message);
        json_t *json = json_pack("{s:s?, s:o, s:o, s:o, s:o}", "automatic", automatic, "tokens", text_json(&tokens), "quoted",
                text_json(&quoted), "line", text_json(&line), "records", taking.records);

        if (!json || taking.failed || plain.error < 0) {
                json_decref(json);
                return -ENOMEM;
        }
        *ret = json;
        return 0;
}
