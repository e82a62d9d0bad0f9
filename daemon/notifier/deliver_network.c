/* SPDX-License-Identifier: MIT */
/*
 * Delivery over the network, by libcurl: SMTP to a relay, and webhooks signed as the Standard Webhooks specification says
 * (headers webhook-id, webhook-timestamp, webhook-signature; the id is the same for every attempt, so that a receiver can tell
 * a repetition). Redirects are not followed: the rules say where a text goes, not the server that got it.
 */
#include "notifier.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <time.h>

/* ---- what both have in common ---- */

static CURL *open_handle(const NotifierConfig *config) {
        static bool is_ready;
        CURL *curl;

        if (!is_ready && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return NULL;
        is_ready = true;
        curl = curl_easy_init();
        if (!curl)
                return NULL;
        (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long) NOTIFIER_CONNECT_TIMEOUT_S);
        (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) config->timeout_s);
        /* For the reply to a mail's last line libcurl waits by a limit of its own, two minutes. */
        (void) curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long) config->timeout_s);
        (void) curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
        (void) curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* not what the environment says */
        return curl;
}

static void curl_cleanupp(CURL **curl) {
        if (*curl)
                curl_easy_cleanup(*curl);
}
static void slist_freep(struct curl_slist **list) { curl_slist_free_all(*list); }

/* ---- SMTP ---- */

typedef struct Upload {
        const char *data;
        size_t size, at;
} Upload;

static size_t on_upload(char *buffer, size_t size, size_t n, void *userdata) {
        Upload *upload = userdata;
        size_t room = size * n, rest = upload->size - upload->at, part = rest < room ? rest : room;

        memcpy(buffer, upload->data + upload->at, part);
        upload->at += part;
        return part;
}

/* HOST, HOST:PORT or [IPV6]:PORT: nothing that would make another URL of it. */
static bool is_server(const char *target) {
        size_t size = strspn(target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]");

        return size > 0 && size <= 255 && target[size] == '\0' && target[0] != '-';
}

void deliver_smtp(const Job *job, const NotifierConfig *config, Result *ret) {
        _cleanup_(curl_cleanupp) CURL *curl = NULL;
        _cleanup_(slist_freep) struct curl_slist *recipients = NULL;
        _cleanup_(text_free) Text message = { 0 };
        _cleanup_(text_free) Text url = { 0 };
        _cleanup_(text_free) Text from = { 0 };
        long code = 0;

        if (!job->target || !is_server(job->target)) {
                result_set(ret, OUTCOME_FAILED, "the channel's target is no server: HOST or HOST:PORT");
                return;
        }
        int r = mail_compose(job, true, &message);
        if (r == -EINVAL) {
                result_set(ret, OUTCOME_FAILED, "the sender or the recipient is no plain address");
                return;
        }
        text_printf(&url, "smtp://%s", job->target);
        text_printf(&from, "<%s>", job->from ? job->from : "");
        recipients = curl_slist_append(NULL, job->to ? job->to : "");
        curl = open_handle(config);
        if (r < 0 || url.error < 0 || from.error < 0 || !recipients || !curl) {
                result_set(ret, OUTCOME_RETRY, "out of memory");
                return;
        }
        Upload upload = { .data = message.data, .size = message.size };
        (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp");
        (void) curl_easy_setopt(curl, CURLOPT_URL, url.data);
        (void) curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from.data);
        (void) curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
        (void) curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_upload);
        (void) curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
        (void) curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t) message.size);
        (void) curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        CURLcode result = curl_easy_perform(curl);
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
        if (result == CURLE_OK)
                result_set(ret, OUTCOME_DELIVERED, "%s", "");
        else if (code >= 400 && upload.at == 0 && (result == CURLE_WEIRD_SERVER_REPLY || result == CURLE_REMOTE_ACCESS_DENIED))
                /* It wants to talk to nobody now: that says nothing of this mail. */
                result_set(ret, OUTCOME_RETRY, "the mail server does not take part: %ld", code);
        else if (code >= 500 && code < 600)
                result_set(ret, OUTCOME_FAILED, "the mail server refused it: %ld", code);
        else if (code >= 400)
                result_set(ret, OUTCOME_RETRY, "the mail server put it off: %ld", code);
        else
                result_set(ret, OUTCOME_RETRY, "%s", curl_easy_strerror(result));
}

/* ---- webhook ---- */

typedef struct Secret {
        char *data;
        size_t size;
} Secret;

static void secret_done(Secret *secret) {
        if (secret->data)
                explicit_bzero(secret->data, secret->size);
        free(secret->data);
        *secret = (Secret){ 0 };
}

/* The file's content without the newline behind it; "whsec_" and base64, as the specification writes keys, is taken apart. -errno. */
static int read_secret(const char *directory, const char *name, Secret *ret) {
        _cleanup_(base_closep) int directory_fd = -1;
        _cleanup_(base_closep) int fd = -1;
        char buffer[NOTIFIER_SECRET_SIZE_MAX + 1];

        if (!*name || name[0] == '.' || strchr(name, '/'))
                return -EINVAL;
        directory_fd = open(directory, O_DIRECTORY | O_CLOEXEC);
        fd = directory_fd < 0 ? -1 : openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0)
                return -errno;
        while (n > 0 && (buffer[n - 1] == '\n' || buffer[n - 1] == '\r'))
                n--;
        if (n == 0 || n > NOTIFIER_SECRET_SIZE_MAX)
                return -EBADMSG;
        buffer[n] = '\0';
        static const char prefix[] = "whsec_";
        if (strncmp(buffer, prefix, sizeof prefix - 1) == 0) {
                g_autofree unsigned char *key = g_base64_decode(buffer + sizeof prefix - 1, &ret->size);
                ret->data = ret->size > 0 ? malloc(ret->size) : NULL;
                if (ret->data)
                        memcpy(ret->data, key, ret->size);
                explicit_bzero(key, ret->size);
        } else {
                ret->size = (size_t) n;
                ret->data = malloc(ret->size);
                if (ret->data)
                        memcpy(ret->data, buffer, ret->size);
        }
        explicit_bzero(buffer, sizeof buffer);
        return ret->data ? 0 : -EBADMSG;
}

char *webhook_signature(const void *key, size_t key_size, const char *id, const char *timestamp, const char *body) {
        guint8 digest[32];
        gsize size = sizeof digest;
        GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, key, key_size);

        if (!hmac)
                return NULL;
        const char *const parts[] = { id, ".", timestamp, ".", body };
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                if (*parts[i])
                        g_hmac_update(hmac, (const guchar *) parts[i], (gssize) strlen(parts[i]));
        g_hmac_get_digest(hmac, digest, &size);
        g_hmac_unref(hmac);
        g_autofree char *base64 = g_base64_encode(digest, size);
        char *signature;
        return asprintf(&signature, "v1,%s", base64) < 0 ? NULL : signature;
}

static size_t on_response(char *data _unused_, size_t size, size_t n, void *userdata) {
        size_t *received = userdata;

        *received += size * n;
        return *received > NOTIFIER_RESPONSE_SIZE_MAX ? 0 : size * n;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value) {
        _cleanup_(text_free) Text header = { 0 };

        text_printf(&header, "%s: %s", name, value);
        struct curl_slist *grown = header.error < 0 || strpbrk(value, "\r\n") ? NULL : curl_slist_append(*list, header.data);
        if (grown)
                *list = grown;
        return grown;
}

/* The headers of a webhook; *ret_problem says why there are none. */
static int make_headers(const Job *job, const NotifierConfig *config, struct curl_slist **ret, const char **ret_problem) {
        char timestamp[24];
        _cleanup_(secret_done) Secret secret = { 0 };
        _cleanup_(base_freep) char *signature = NULL;

        (void) snprintf(timestamp, sizeof timestamp, "%" PRId64, (int64_t) time(NULL));
        if (job->secret) {
                int r = read_secret(config->secrets, job->secret, &secret);
                if (r < 0) {
                        *ret_problem = r == -ENOENT ? "the channel's secret is not there" : "the channel's secret cannot be read";
                        return r;
                }
                signature = webhook_signature(secret.data, secret.size, job->id, timestamp, job->body ? job->body : "");
        }
        if ((job->secret && !signature) || !add_header(ret, "Content-Type", "application/cloudevents+json; charset=utf-8") ||
                !add_header(ret, "webhook-id", job->id) || !add_header(ret, "webhook-timestamp", timestamp) ||
                (signature && !add_header(ret, "webhook-signature", signature)) || !add_header(ret, "Expect", "")) {
                *ret_problem = "out of memory";
                return -ENOMEM;
        }
        return 0;
}

static void read_response(CURL *curl, CURLcode result, Result *ret) {
        long code = 0;
        curl_off_t wait_s = 0;

        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
        (void) curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait_s);
        /* An answer whose body was cut off (too long) is an answer; one that never came is none. */
        if (result != CURLE_OK && (result != CURLE_WRITE_ERROR || code == 0)) {
                result_set(ret, OUTCOME_RETRY, "%s", curl_easy_strerror(result));
                return;
        }
        if (code >= 200 && code < 300)
                result_set(ret, OUTCOME_DELIVERED, "%s", "");
        else if (code == 410)
                result_set(ret, OUTCOME_FAILED, "the receiver says that it is gone for good: 410");
        else if (code >= 300 && code < 400)
                result_set(ret, OUTCOME_RETRY, "the receiver redirects (%ld), which is not followed", code);
        else
                result_set(ret, OUTCOME_RETRY, "the receiver answered %ld", code);
        ret->retry_after_s = wait_s > 0 ? (int64_t) wait_s : 0;
}

void deliver_webhook(const Job *job, const NotifierConfig *config, Result *ret) {
        _cleanup_(curl_cleanupp) CURL *curl = open_handle(config);
        _cleanup_(slist_freep) struct curl_slist *headers = NULL;
        const char *body = job->body ? job->body : "", *problem = NULL;
        size_t received = 0;

        if (!job->target || (strncmp(job->target, "https://", 8) != 0 && strncmp(job->target, "http://", 7) != 0)) {
                result_set(ret, OUTCOME_FAILED, "the channel's target is no http or https address");
                return;
        }
        if (!curl) {
                result_set(ret, OUTCOME_RETRY, "out of memory");
                return;
        }
        if (make_headers(job, config, &headers, &problem) < 0) {
                result_set(ret, OUTCOME_RETRY, "%s", problem);
                return;
        }
        (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        (void) curl_easy_setopt(curl, CURLOPT_URL, job->target);
        (void) curl_easy_setopt(curl, CURLOPT_USERAGENT, "leadd/" LEADD_VERSION);
        (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        (void) curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(body));
        (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_response);
        (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
        read_response(curl, curl_easy_perform(curl), ret);
}
