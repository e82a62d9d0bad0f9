/* SPDX-License-Identifier: MIT */
/*
 * One connection of the daemon: Varlink frames (JSON and a NUL), one method:
 *
 *   org.leadd.Notify.Deliver(id, via, target?, from?, to?, subject?, body?, secret?, lead?, kind?, time?, reply_to?, answer?, unsubscribe?)
 *     -> (outcome: "delivered" | "retry" | "failed", text: string, retry_after: int)
 *
 * Requests are answered one after the other; whoever wants several deliveries at a time opens several connections.
 */
#include "notifier.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>

void result_set(Result *result, Outcome outcome, const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void) vsnprintf(result->text, sizeof result->text, format, args);
        va_end(args);
        result->outcome = outcome;
}

static int send_frame(int fd, json_t *reply) {
        _cleanup_(base_freep) char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

        json_decref(reply);
        return text ? base_write_all(fd, text, strlen(text) + 1) : -ENOMEM;
}

static int send_error(int fd, const char *error, const char *parameter, const char *value) {
        return send_frame(fd, json_pack("{s:s, s:{s:s}}", "error", error, "parameters", parameter, value));
}

/* Absent and null are the same; false: it is something else, or no text that C can hold. */
static bool read_text(json_t *parameters, const char *name, const char **ret) {
        json_t *value = json_object_get(parameters, name);

        *ret = json_string_value(value);
        return !value || json_is_null(value) || (*ret && strlen(*ret) == json_string_length(value));
}

static void deliver(const Job *job, const NotifierConfig *config, Result *ret) {
        bool is_mail = base_streq(job->via, "sendmail") || base_streq(job->via, "smtp");

        if (is_mail && (!job->to || mail_is_example(job->to)))
                result_set(ret, OUTCOME_FAILED, job->to ? "addresses of example domains are never mailed" : "the recipient has no address");
        else if (base_streq(job->via, "sendmail"))
                deliver_sendmail(job, config, ret);
        else if (base_streq(job->via, "smtp"))
                deliver_smtp(job, config, ret);
        else if (base_streq(job->via, "webhook"))
                deliver_webhook(job, config, ret);
        else if (base_streq(job->via, "exec"))
                deliver_exec(job, config, ret);
        else
                result_set(ret, OUTCOME_FAILED, "leadd-notify does not know how to deliver that way");
}

static int answer_deliver(int fd, json_t *parameters, const NotifierConfig *config) {
        static const char *const outcomes[] = { [OUTCOME_DELIVERED] = "delivered", [OUTCOME_RETRY] = "retry", [OUTCOME_FAILED] = "failed" };
        Job job = { 0 };
        Result result = { 0 };
        const struct {
                const char *name, **at;
        } texts[] = {
                { "id", &job.id },
                { "via", &job.via },
                { "target", &job.target },
                { "from", &job.from },
                { "to", &job.to },
                { "subject", &job.subject },
                { "body", &job.body },
                { "secret", &job.secret },
                { "lead", &job.lead },
                { "kind", &job.kind },
                { "reply_to", &job.reply_to },
                { "answer", &job.answer },
                { "unsubscribe", &job.unsubscribe },
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (!read_text(parameters, texts[i].name, texts[i].at))
                        return send_error(fd, "org.varlink.service.InvalidParameter", "parameter", texts[i].name);
        if (!job.id || !*job.id || strlen(job.id) > 100)
                return send_error(fd, "org.varlink.service.InvalidParameter", "parameter", "id");
        if (!job.via)
                return send_error(fd, "org.varlink.service.InvalidParameter", "parameter", "via");
        json_t *time = json_object_get(parameters, "time");
        if (time && !json_is_integer(time))
                return send_error(fd, "org.varlink.service.InvalidParameter", "parameter", "time");
        job.time_us = json_integer_value(time);
        deliver(&job, config, &result);
        return send_frame(fd, json_pack("{s:{s:s, s:s, s:I}}", "parameters", "outcome", outcomes[result.outcome], "text", result.text,
                                      "retry_after", (json_int_t) result.retry_after_s));
}

/* jansson would go 2048 deep. Brackets inside strings are text. */
static bool is_shallow(const char *text) {
        size_t depth = 0;
        bool in_string = false;

        for (; *text; text++) {
                if (in_string) {
                        if (*text == '\\' && text[1])
                                text++;
                        else if (*text == '"')
                                in_string = false;
                } else if (*text == '"')
                        in_string = true;
                else if ((*text == '{' || *text == '[') && ++depth > NOTIFIER_DEPTH_MAX)
                        return false;
                else if ((*text == '}' || *text == ']') && depth > 0)
                        depth--;
        }
        return true;
}

static int answer(int fd, const char *text, const NotifierConfig *config) {
        json_error_t error;
        json_t *request = is_shallow(text) ? json_loads(text, JSON_REJECT_DUPLICATES, &error) : NULL;
        const char *method = json_string_value(json_object_get(request, "method"));
        json_t *parameters = json_object_get(request, "parameters");
        int r;

        if (!method)
                r = -EBADMSG; /* no Varlink: whoever speaks something else is not answered */
        else if (!base_streq(method, "org.leadd.Notify.Deliver"))
                r = send_error(fd, "org.varlink.service.MethodNotFound", "method", method);
        else if (!json_is_object(parameters))
                r = send_error(fd, "org.varlink.service.InvalidParameter", "parameter", "id");
        else
                r = answer_deliver(fd, parameters, config);
        json_decref(request);
        return r;
}

int serve_connection(int in_fd, int out_fd, const NotifierConfig *config) {
        _cleanup_(text_free) Text in = { 0 };
        char buffer[16 * 1024];

        for (;;) {
                ssize_t n = read(in_fd, buffer, sizeof buffer);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : in.size > 0 ? -EBADMSG : 0;
                text_append_size(&in, buffer, (size_t) n);
                if (in.error < 0)
                        return in.error;
                /* One frame after the other; what follows the last NUL is the beginning of the next. */
                for (char *end; in.size > 0 && (end = memchr(in.data, '\0', in.size));) {
                        size_t size = (size_t) (end - in.data) + 1;
                        int r = answer(out_fd, in.data, config);
                        if (r < 0)
                                return r;
                        memmove(in.data, in.data + size, in.size - size);
                        in.size -= size;
                }
                if (in.size > NOTIFIER_REQUEST_SIZE_MAX)
                        return -EMSGSIZE;
        }
}
