/* SPDX-License-Identifier: MIT */
/*
 * Digests: SHA-256, and the keyed digest under which identities and idempotency
 * keys are kept. GLib computes them; there is no cryptography of our own.
 */
#include "leadd/base.h"

#include <errno.h>
#include <glib.h>

int digest_sha256(const void *data, size_t size, uint8_t ret[static DIGEST_SIZE]) {
        gsize n = DIGEST_SIZE;
        if (size > G_MAXSSIZE)
                return -EINVAL;
        GChecksum *checksum = g_checksum_new(G_CHECKSUM_SHA256);
        if (!checksum)
                return -ENOTSUP;
        if (size > 0)
                g_checksum_update(checksum, data, (gssize) size);
        g_checksum_get_digest(checksum, ret, &n);
        g_checksum_free(checksum);
        return n == DIGEST_SIZE ? 0 : -ENOTSUP;
}

void digest_hex(const uint8_t *digest, size_t size, char *ret) {
        static const char digits[] = "0123456789abcdef";
        for (size_t i = 0; i < size; i++) {
                ret[2 * i] = digits[digest[i] >> 4];
                ret[2 * i + 1] = digits[digest[i] & 15];
        }
        ret[2 * size] = '\0';
}

int digest_keyed(const uint8_t secret[static DIGEST_SIZE], const DigestPart *parts, size_t n_parts, Key *ret) {
        uint8_t digest[DIGEST_SIZE];
        gsize n = DIGEST_SIZE;
        for (size_t i = 0; i < n_parts; i++)
                if (parts[i].size > G_MAXSSIZE)
                        return -EINVAL;
        GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, secret, DIGEST_SIZE);
        if (!hmac)
                return -ENOTSUP;
        for (size_t i = 0; i < n_parts; i++) {
                /* The length in front keeps ("ab", "c") and ("a", "bc") apart; little endian, so that a database can move
                 * between machines. */
                uint8_t prefix[8];
                for (size_t b = 0; b < sizeof prefix; b++)
                        prefix[b] = (uint8_t) ((uint64_t) parts[i].size >> (8 * b));
                g_hmac_update(hmac, prefix, sizeof prefix);
                if (parts[i].size > 0)
                        g_hmac_update(hmac, parts[i].data, (gssize) parts[i].size);
        }
        g_hmac_get_digest(hmac, digest, &n);
        g_hmac_unref(hmac);
        if (n != DIGEST_SIZE)
                return -ENOTSUP;
        memcpy(ret->bytes, digest, KEY_SIZE);
        return 0;
}
