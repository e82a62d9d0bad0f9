/* SPDX-License-Identifier: MIT */
/*
 * Secrets in payloads: comparing the vendor's shared key with a file, and
 * keeping it (and whatever else an adapter drops) out of the rejects. The
 * secret itself is never copied into a record, a text or a log line.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "adapter.h"

#define SECRET_SIZE_MAX 4096

/* systemd hands credentials to the unit as files in a directory of their own; a bare name is one of those. */
static int secret_open(const char *file) {
        char path[PATH_MAX];
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        if (file[0] != '/') {
                if (!directory || strchr(file, '/') || snprintf(path, sizeof path, "%s/%s", directory, file) >= (int) sizeof path)
                        return -1;
                file = path;
        }
        return open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* The file is read for each payload: a changed key counts at once, and 10 us are little beside a delivery. */
static bool secret_read(const char *file, char buffer[static SECRET_SIZE_MAX], size_t *ret_size) {
        _cleanup_(base_closep) int fd = secret_open(file);
        struct stat info;
        if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
                return false;
        size_t size = 0;
        while (size < SECRET_SIZE_MAX) {
                ssize_t n = read(fd, buffer + size, SECRET_SIZE_MAX - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return false;
                if (n == 0)
                        break;
                size += (size_t) n;
        }
        while (size > 0 && (buffer[size - 1] == '\n' || buffer[size - 1] == '\r'))
                size--;
        *ret_size = size;
        return size > 0 && size < SECRET_SIZE_MAX;
}

/* Takes as long for a wrong first byte as for a wrong last one. */
static bool secret_equal(const char *a, size_t a_size, const char *b, size_t b_size) {
        unsigned char difference = a_size != b_size;
        for (size_t i = 0; i < a_size; i++)
                difference |= (unsigned char) (a[i] ^ b[i < b_size ? i : 0]);
        return difference == 0;
}

static bool secret_is_given(const Adapter *adapter, json_t *payload) {
        Place place;
        return place_find(payload, adapter->secret, strlen(adapter->secret), &place) &&
               (json_string_length(place.value) > 0 || json_is_integer(place.value));
}

int secret_check(const Adapter *adapter, const IntakeSettings *settings, json_t *payload, const char **ret_text) {
        static const char wrong[] = "the payload's secret is not the agreed one";
        if (!adapter->secret)
                return 0;
        if (settings->any_secret) {
                *ret_text = wrong;
                return secret_is_given(adapter, payload) ? 0 : 1;
        }
        char expected[SECRET_SIZE_MAX];
        size_t expected_size;
        if (!adapter->secret_file || !secret_read(adapter->secret_file, expected, &expected_size)) {
                *ret_text = "the file that the secret is compared with cannot be read or is empty";
                return 1;
        }
        Place place;
        bool equal = false;
        if (place_find(payload, adapter->secret, strlen(adapter->secret), &place)) {
                const json_t *value = place.value;
                char digits[32];
                if (json_is_string(value))
                        equal = secret_equal(json_string_value(value), json_string_length(value), expected, expected_size);
                else if (json_is_integer(value)) {
                        int n = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                        equal = secret_equal(digits, (size_t) n, expected, expected_size);
                }
        }
        explicit_bzero(expected, sizeof expected);
        if (equal)
                return 0;
        *ret_text = wrong;
        return 1;
}

/* Writes "" over what stands there: the field stays, so that a payload judged again still matches its adapter. */
static int blank_path(json_t *root, const char *path) {
        const char *part;
        size_t size, state = 0;
        while (path_next(path, &state, &part, &size)) {
                Place place;
                if (!place_find(root, part, size, &place) || json_is_null(place.value))
                        continue;
                json_t *blank = json_string("");
                if (!blank)
                        return -ENOMEM;
                int failed = place.key ? json_object_setn_new_nocheck(place.parent, place.key, place.key_size, blank)
                                       : json_array_set_new(place.parent, place.index, blank);
                if (failed)
                        return -ENOMEM;
        }
        return 0;
}

static int blank_all(const Adapter *adapter, json_t *root) {
        for (size_t i = 0; i < adapter->n_drop; i++)
                if (blank_path(root, adapter->drop[i]) < 0)
                        return -ENOMEM;
        return adapter->secret ? blank_path(root, adapter->secret) : 0;
}

/* A deep copy in which `list` holds only the one item. A copy of everything per item would make a payload of thousands of refused
 * items a matter of minutes. */
static json_t *copy_around(json_t *value, const json_t *list, size_t item) {
        if (value == list) {
                json_t *only = json_array();
                if (only && json_array_append_new(only, json_deep_copy(json_array_get(list, item))) != 0) {
                        json_decref(only);
                        return NULL;
                }
                return only;
        }
        if (!json_is_object(value))
                return json_deep_copy(value);
        json_t *copy = json_object();
        const char *key;
        json_t *inner;
        if (!copy)
                return NULL;
        json_object_foreach(value, key, inner) {
                if (json_object_set_new_nocheck(copy, key, copy_around(inner, list, item)) != 0) {
                        json_decref(copy);
                        return NULL;
                }
        }
        return copy;
}

/* `drop` is written for an item; it is looked for around the items as well, because a secret may stand in either. */
json_t *adapter_raw(const Adapter *adapter, const json_t *payload, size_t item) {
        Place list = { 0 };
        if (!adapter->each || !place_find((json_t *) payload, adapter->each, strlen(adapter->each), &list) || !json_is_array(list.value))
                list.value = NULL;
        bool one = list.value && item < json_array_size(list.value);
        json_t *raw = one ? copy_around((json_t *) payload, list.value, item) : json_deep_copy(payload);
        if (!raw || blank_all(adapter, raw) < 0)
                goto fail;
        if (list.value && place_find(raw, adapter->each, strlen(adapter->each), &list))
                for (size_t i = 0; i < json_array_size(list.value); i++)
                        if (blank_all(adapter, json_array_get(list.value, i)) < 0)
                                goto fail;
        return raw;
fail:
        json_decref(raw);
        return NULL;
}
