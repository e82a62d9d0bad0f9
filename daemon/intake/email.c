/* SPDX-License-Identifier: MIT */
/*
 * E-mail addresses: what a form's browser accepts as one, normalised so that two
 * spellings of one address are equal. No quoted local parts, no comments, no
 * address literals: no form and no CRM sends them. Does not ask the DNS.
 */
#include <errno.h>
#include <idn2.h>

#include "internal.h"

#define EMAIL_LOCAL_MAX 64
#define DOMAIN_MAX 253
#define LABEL_MAX 63

static bool is_ascii(const char *s, size_t size) {
        for (size_t i = 0; i < size; i++)
                if ((unsigned char) s[i] >= 0x80)
                        return false;
        return true;
}

static char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char) (c + 32) : c; }
static bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); }

/* Letters, digits, hyphens inside; at least two labels; the last one not a number. */
static bool domain_is_well_formed(const char *domain, size_t size) {
        size_t n_labels = 0, label = 0;
        bool digits = true;
        if (size == 0 || size > DOMAIN_MAX)
                return false;
        for (size_t i = 0; i <= size; i++) {
                if (i < size && domain[i] != '.') {
                        if (!is_alphanumeric(domain[i]) && domain[i] != '-')
                                return false;
                        digits = digits && domain[i] >= '0' && domain[i] <= '9';
                        label++;
                        continue;
                }
                if (label == 0 || label > LABEL_MAX || domain[i - label] == '-' || domain[i - 1] == '-')
                        return false;
                if (i == size && digits)
                        return false;
                n_labels++;
                label = 0;
                digits = true;
        }
        return n_labels >= 2;
}

int email_normalise_domain(const char *text, size_t size, char ret[static EMAIL_TEXT_SIZE]) {
        if (size > 0 && text[size - 1] == '.')
                size--;
        if (size == 0 || size >= EMAIL_TEXT_SIZE - EMAIL_LOCAL_MAX * 4 || memchr(text, '\0', size))
                return RECORD_E_CORRUPT;
        char lower[EMAIL_TEXT_SIZE];
        for (size_t i = 0; i < size; i++)
                lower[i] = ascii_lower(text[i]);
        lower[size] = '\0';

        /* Nearly every domain is plain; only names with other letters, or that claim to be encoded, need the tables. */
        if (is_ascii(lower, size) && !strstr(lower, "xn--")) {
                if (!domain_is_well_formed(lower, size))
                        return RECORD_E_CORRUPT;
                memcpy(ret, lower, size + 1);
                return 0;
        }
        if (!utf8_is_valid(lower, size))
                return RECORD_E_CORRUPT;
        char *encoded = NULL;
        int r = idn2_to_ascii_8z(lower, &encoded, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
        if (r == IDN2_MALLOC)
                return -ENOMEM;
        if (r != IDN2_OK)
                return RECORD_E_CORRUPT;
        size_t encoded_size = strlen(encoded);
        bool ok = encoded_size < EMAIL_TEXT_SIZE && domain_is_well_formed(encoded, encoded_size);
        if (ok)
                memcpy(ret, encoded, encoded_size + 1);
        idn2_free(encoded);
        return ok ? 0 : RECORD_E_CORRUPT;
}

static bool local_is_well_formed(const char *local, size_t size) {
        static const char others[] = ".!#$%&'*+/=?^_`{|}~-";
        if (size == 0 || size > EMAIL_LOCAL_MAX)
                return false;
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char) local[i];
                if (c < 0x80 && (c == '\0' || (!is_alphanumeric((char) c) && !strchr(others, c))))
                        return false;
        }
        return utf8_is_valid(local, size);
}

int email_normalise(const char *text, size_t size, char ret[static EMAIL_TEXT_SIZE]) {
        while (size > 0 && (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')) {
                text++;
                size--;
        }
        while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t' || text[size - 1] == '\n' || text[size - 1] == '\r'))
                size--;
        const char *sign = memchr(text, '@', size);
        if (!sign)
                return RECORD_E_CORRUPT;
        size_t local_size = (size_t) (sign - text);
        if (!local_is_well_formed(text, local_size))
                return RECORD_E_CORRUPT;

        char domain[EMAIL_TEXT_SIZE];
        int r = email_normalise_domain(sign + 1, size - local_size - 1, domain);
        if (r != 0)
                return r;

        char local[EMAIL_LOCAL_MAX * 4];
        size_t folded_size = local_size;
        if (is_ascii(text, local_size)) {
                for (size_t i = 0; i < local_size; i++)
                        local[i] = ascii_lower(text[i]);
        } else {
                _cleanup_(arena_freep) Arena *arena = arena_new(0);
                char *folded = arena ? utf8_casefold(arena, text, local_size, &folded_size) : NULL;
                if (!folded)
                        return -ENOMEM;
                if (folded_size > sizeof local)
                        return RECORD_E_CORRUPT;
                memcpy(local, folded, folded_size);
        }
        size_t domain_size = strlen(domain);
        if (folded_size + 1 + domain_size > INTAKE_EMAIL_MAX)
                return RECORD_E_CORRUPT;
        memcpy(ret, local, folded_size);
        ret[folded_size] = '@';
        memcpy(ret + folded_size + 1, domain, domain_size + 1);
        return 0;
}

/* Sorted. Providers of mailboxes for everybody: their names say nothing about an employer. */
/* clang-format off */
static const char *const free_domains[] = {
        "126.com", "163.com", "a1.net", "abv.bg", "aim.com", "alice.it", "aliceadsl.fr", "aol.com", "aol.de", "arcor.de",
        "att.net", "bellsouth.net", "bigpond.com", "bk.ru", "bluewin.ch", "blueyonder.co.uk", "bol.com.br", "btinternet.com",
        "centrum.cz", "charter.net", "chello.at", "comcast.net", "cox.net", "daum.net", "duck.com", "earthlink.net", "email.cz",
        "email.de", "email.it", "fastmail.com", "fastmail.fm", "foxmail.com", "free.fr", "freemail.hu", "freenet.de", "gmail.com",
        "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.fr", "gmx.net", "googlemail.com", "hanmail.net", "hey.com", "hotmail.be",
        "hotmail.ca", "hotmail.co.uk", "hotmail.com", "hotmail.com.br", "hotmail.de", "hotmail.es", "hotmail.fr", "hotmail.it",
        "hotmail.nl", "hotmail.se", "hushmail.com", "icloud.com", "ig.com.br", "inbox.lv", "inbox.ru", "interia.pl", "juno.com",
        "laposte.net", "libero.it", "list.ru", "live.ca", "live.co.uk", "live.com", "live.de", "live.fr", "live.it", "live.nl",
        "live.se", "mac.com", "mail.bg", "mail.com", "mail.de", "mail.ru", "mailbox.org", "me.com", "msn.com", "mweb.co.za",
        "naver.com", "neuf.fr", "nifty.com", "ntlworld.com", "o2.pl", "onet.pl", "online.de", "online.no", "optonline.net",
        "optusnet.com.au", "orange.fr", "outlook.at", "outlook.com", "outlook.de", "outlook.es", "outlook.fr", "outlook.it",
        "pm.me", "poczta.onet.pl", "posteo.de", "posteo.net", "proton.me", "protonmail.ch", "protonmail.com", "qq.com",
        "rambler.ru", "rediffmail.com", "rocketmail.com", "sapo.pt", "sbcglobal.net", "seznam.cz", "sfr.fr", "shaw.ca",
        "sina.com", "sky.com", "skynet.be", "sohu.com", "sympatico.ca", "t-online.de", "talktalk.net", "telenet.be", "telia.com",
        "terra.com.br", "tin.it", "tiscali.it", "tuta.io", "tutanota.com", "tutanota.de", "ukr.net", "uol.com.br", "verizon.net",
        "virgilio.it", "virginmedia.com", "wanadoo.fr", "web.de", "windowslive.com", "wp.pl", "xs4all.nl", "xtra.co.nz", "ya.ru",
        "yahoo.ca", "yahoo.co.in", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com", "yahoo.com.au", "yahoo.com.br", "yahoo.com.mx",
        "yahoo.de", "yahoo.es", "yahoo.fr", "yahoo.in", "yahoo.it", "yandex.com", "yandex.ru", "yeah.net", "ymail.com",
        "ziggo.nl", "zoho.com",
};
/* clang-format on */

static int compare_domain(const void *key, const void *element) { return strcmp(key, *(const char *const *) element); }

bool email_domain_is_free(const char *domain) {
        return bsearch(domain, free_domains, ARRAY_SIZE(free_domains), sizeof free_domains[0], compare_domain);
}

int email_with_letters(const char *email, Arena *arena, const char **ret) {
        const char *sign = strrchr(email, '@');
        char *letters = NULL;
        if (!sign || !strstr(sign, "xn--"))
                return RECORD_E_CORRUPT;
        int r = idn2_to_unicode_8z8z(sign + 1, &letters, 0);
        if (r == IDN2_MALLOC)
                return -ENOMEM;
        if (r != IDN2_OK || base_streq(letters, sign + 1)) {
                if (r == IDN2_OK)
                        idn2_free(letters);
                return RECORD_E_CORRUPT;
        }
        const char *text = arena_printf(arena, "%.*s@%s", (int) (sign - email), email, letters);
        idn2_free(letters);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}
