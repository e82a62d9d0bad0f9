/* SPDX-License-Identifier: MIT */
/*
 * From a job to a message (RFC 5322, MIME), by GMime. What people wrote into a form comes through here, so nothing of it
 * may become a header, a second recipient or an option: addresses are one plain address or refused, header texts lose
 * everything that could end a line, turn the reading direction or pass for an encoded word (GMime lets CR and LF live on
 * inside encoded words). The text itself is quoted-printable UTF-8 and needs no such care.
 */
#include "notifier.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <inttypes.h>
#include <strings.h>

bool mail_is_address(const char *text) {
        size_t size = strlen(text), n_ats = 0;

        if (size < 3 || size > NOTIFIER_ADDRESS_SIZE_MAX || text[0] == '-' || text[0] == '@' || text[size - 1] == '@' || text[0] == '.')
                return false;
        for (const unsigned char *p = (const unsigned char *) text; *p; p++) {
                /* Printable ASCII without what separates, quotes or groups; UTF-8 local parts stay with the sender. */
                if (*p <= 0x20 || *p >= 0x7f || strchr("<>()[]\\,;:\"", *p))
                        return false;
                n_ats += *p == '@';
        }
        /* "=?" is legal, and some reader would take it for an encoded word. */
        return n_ats == 1 && !strstr(text, "=?") && strchr(text, '@')[1] != '-' && strchr(text, '@')[1] != '.';
}

bool mail_is_example(const char *address) {
        static const char *const domains[] = { "example", "example.com", "example.net", "example.org", "test", "invalid", "localhost" };
        const char *domain = strrchr(address, '@');
        size_t size = domain ? strlen(++domain) : 0;

        if (size > 0 && domain[size - 1] == '.')
                size--;
        for (size_t i = 0; i < ARRAY_SIZE(domains) && size > 0; i++) {
                size_t n = strlen(domains[i]);
                if (size >= n && strncasecmp(domain + size - n, domains[i], n) == 0 && (size == n || domain[size - n - 1] == '.'))
                        return true;
        }
        return false;
}

/* Bytes of the character at s that must not stand in a header; 0 = harmless. */
static size_t harmful_size(const unsigned char *s, size_t size) {
        if (s[0] < 0x20 || s[0] == 0x7f)
                return 1;
        if (size >= 2 && ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xd8 && s[1] == 0x9c)))
                return 2; /* U+0080..U+009F, U+061C */
        if (size >= 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae)))
                return 3; /* U+200E, U+200F, U+2028..U+202E */
        if (size >= 3 && s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)
                return 3; /* U+2066..U+2069 */
        if (size >= 2 && s[0] == '=' && s[1] == '?')
                return 1; /* the beginning of an encoded word */
        return 0;
}

/* Text for a header: one line of valid UTF-8, not longer than size_max bytes. */
static void clean_header(const char *raw, size_t size_max, Text *out) {
        g_autofree char *valid = g_utf8_make_valid(raw, -1);
        size_t size = strlen(valid), from = 0;

        if (size > size_max) {
                size = size_max;
                while (size > 0 && ((unsigned char) valid[size] & 0xc0) == 0x80)
                        size--;
        }
        for (size_t at = 0; at < size;) {
                size_t harmful = harmful_size((const unsigned char *) valid + at, size - at);
                if (harmful == 0) {
                        at++;
                        continue;
                }
                text_append_size(out, valid + from, at - from);
                text_append_char(out, ' ');
                from = at += harmful;
        }
        text_append_size(out, valid + from, size - from);
}

/* Word characters only: ids and kinds are ours, but they travelled. */
static bool is_token(const char *text) {
        size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

        return size > 0 && text[size] == '\0' && size <= 100;
}

/* "L-42 TOKEN", as the daemon makes them. */
static bool is_tag(const char *text) {
        const char *gap = strchr(text, ' ');

        return gap && gap > text && gap[1] && strlen(text) <= 100 && strspn(text, "L-0123456789") == (size_t) (gap - text) &&
               strspn(gap + 1, "0123456789abcdefghjkmnpqrstvwxyz") == strlen(gap + 1);
}

/* As the rules had it checked: nothing in it ends the angle brackets, or the line. */
static bool is_uri(const char *text) {
        size_t size = strlen(text);

        if (size > NOTIFIER_SUBJECT_MAX || strstr(text, "=?") || (strncmp(text, "mailto:", 7) != 0 && strncmp(text, "https://", 8) != 0))
                return false;
        for (size_t i = 0; i < size; i++)
                if (text[i] <= 0x20 || text[i] >= 0x7f || strchr("<>,\"", text[i]))
                        return false;
        return true;
}

static void object_unrefp(void *p) {
        GObject **object = p;

        if (*object)
                g_object_unref(*object);
}
static void date_unrefp(GDateTime **date) {
        if (*date)
                g_date_time_unref(*date);
}

static void add_header(GMimeObject *object, const char *name, const char *value) {
        if (value && is_token(value))
                g_mime_object_set_header(object, name, value, NULL);
}

static void add_one_address(GMimeMessage *message, GMimeAddressType type, const char *address) {
        _cleanup_(object_unrefp) InternetAddress *mailbox = internet_address_mailbox_new(NULL, address);

        internet_address_list_add(g_mime_message_get_addresses(message, type), mailbox);
}

/* Behind a mail that may be answered stands its tag; cut is what a rule's author wrote, never the tag. */
static void make_subject(const Job *job, Text *out) {
        size_t tag_size = job->answer ? strlen(job->answer) + 3 : 0;

        clean_header(job->subject ? job->subject : "", NOTIFIER_SUBJECT_MAX - tag_size, out);
        if (job->answer)
                text_printf(out, " [%s]", job->answer);
}

static GMimeMessage *make_message(const Job *job, const char *subject) {
        GMimeMessage *message = g_mime_message_new(TRUE);
        _cleanup_(date_unrefp) GDateTime *date = g_date_time_new_from_unix_utc(job->time_us / US_PER_SECOND);
        /* A reply names the mail it answers: so the token comes back even when somebody changed the subject and cut the text. */
        g_autofree char *id = g_strdup_printf("leadd.%s%s%s@%s", is_token(job->id) ? job->id : "0", job->answer ? "." : "",
                job->answer ? strchr(job->answer, ' ') + 1 : "", strrchr(job->from, '@') + 1);
        _cleanup_(object_unrefp) GMimePart *part = g_mime_part_new_with_type("text", "plain");
        g_autofree char *body = g_utf8_make_valid(job->body ? job->body : "", -1);
        _cleanup_(object_unrefp) GMimeStream *stream = g_mime_stream_mem_new_with_buffer(body, strlen(body));
        _cleanup_(object_unrefp) GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);

        add_one_address(message, GMIME_ADDRESS_TYPE_FROM, job->from);
        add_one_address(message, GMIME_ADDRESS_TYPE_TO, job->to);
        if (job->reply_to)
                add_one_address(message, GMIME_ADDRESS_TYPE_REPLY_TO, job->reply_to);
        g_mime_message_set_subject(message, subject, "utf-8");
        g_mime_message_set_message_id(message, id);
        if (date)
                g_mime_message_set_date(message, date);
        /* RFC 3834: no vacation notice answers this, and none of these is answered. */
        g_mime_object_set_header(GMIME_OBJECT(message), "Auto-Submitted", "auto-generated", NULL);
        if (job->unsubscribe) {
                g_autofree char *address = g_strdup_printf("<%s>", job->unsubscribe); /* RFC 2369 */
                g_mime_object_set_header(GMIME_OBJECT(message), "List-Unsubscribe", address, NULL);
        }
        add_header(GMIME_OBJECT(message), "X-Leadd-Lead", job->lead);
        add_header(GMIME_OBJECT(message), "X-Leadd-Kind", job->kind);
        /* Not by set_text, which picks the smallest charset: what is UTF-8 here stays UTF-8. */
        g_mime_part_set_content(part, content);
        g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
        g_mime_part_set_content_encoding(part, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
        g_mime_message_set_mime_part(message, GMIME_OBJECT(part));
        return message;
}

int mail_compose(const Job *job, bool crlf, Text *out) {
        _cleanup_(text_free) Text subject = { 0 };

        if (!job->from || !job->to || !mail_is_address(job->from) || !mail_is_address(job->to))
                return -EINVAL;
        if ((job->reply_to && !mail_is_address(job->reply_to)) || (job->answer && !is_tag(job->answer)) ||
                (job->unsubscribe && !is_uri(job->unsubscribe)))
                return -EINVAL;
        make_subject(job, &subject);
        if (subject.error < 0)
                return subject.error;
        _cleanup_(object_unrefp) GMimeMessage *message = make_message(job, subject.data ? subject.data : "");
        _cleanup_(object_unrefp) GMimeStream *stream = g_mime_stream_mem_new();
        GMimeFormatOptions *options = g_mime_format_options_new();

        g_mime_format_options_set_newline_format(options, crlf ? GMIME_NEWLINE_FORMAT_DOS : GMIME_NEWLINE_FORMAT_UNIX);
        ssize_t size = g_mime_object_write_to_stream(GMIME_OBJECT(message), options, stream);
        g_mime_format_options_free(options);
        if (size < 0)
                return -ENOMEM;
        const GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
        text_append_size(out, bytes->data, bytes->len);
        return out->error;
}
