/* SPDX-License-Identifier: MIT */
/*
 * What ops should see about entries, each once: a bounded queue of notices, and
 * the memory of what was left in place, so that a scan does not report it again
 * before the entry, or the permissions of its directory, changed.
 */
#include "internal.h"

#include <errno.h>

#define NOTICE_SLOTS 65536 /* more than SPOOL_LEFT_MAX, so that a free one is always near */

struct NoticeItem {
        SpoolNotice notice;
        NoticeItem *next;
        char reason[];
};

SpoolNotice *spool_notice_free(SpoolNotice *notice) {
        if (!notice)
                return NULL;
        free(notice->source);
        free(notice->name);
        free(notice); /* the first member of its item */
        return NULL;
}

SpoolNotice *spool_next_notice(Spool *spool) {
        NoticeItem *item = spool->notices;
        if (!item)
                return NULL;
        spool->notices = item->next;
        if (!spool->notices)
                spool->notices_last = NULL;
        spool->n_notices--;
        return &item->notice;
}

/* A notice that cannot be kept is not an error of the spool: what it tells of still stands in a directory. */
void notice_add(Spool *spool, const char *source, const char *name, const char *reason, bool moved) {
        size_t size = strlen(reason) + 1;
        NoticeItem *item = calloc(1, sizeof(*item) + size);
        if (!item)
                return;
        memcpy(item->reason, reason, size);
        item->notice = (SpoolNotice){
                .source = entry_escape(source),
                .name = entry_escape(name),
                .reason = item->reason,
                .moved = moved,
        };
        if (!item->notice.source || !item->notice.name) {
                (void) spool_notice_free(&item->notice);
                return;
        }
        if (spool->n_notices == SPOOL_NOTICES_MAX)
                (void) spool_notice_free(spool_next_notice(spool));
        if (spool->notices_last)
                spool->notices_last->next = item;
        else
                spool->notices = item;
        spool->notices_last = item;
        spool->n_notices++;
}

/* ---- what is left in place ---- */

uint64_t notice_key(const Source *source, const char *name, const struct stat *st) {
        const uint64_t facts[] = {
                st->st_dev,
                st->st_ino,
                (uint64_t) st->st_ctim.tv_sec,
                (uint64_t) st->st_ctim.tv_nsec,
                source ? source->mode : 0,
        };
        uint64_t key = entry_hash(ENTRY_HASH_SEED, facts, sizeof(facts));
        if (source)
                key = entry_hash(key, source->name, strlen(source->name) + 1);
        key = entry_hash(key, name, strlen(name));
        return key != 0 ? key : 1;
}

static uint64_t *notice_slot(const Spool *spool, uint64_t key) {
        size_t at = key % NOTICE_SLOTS;
        while (spool->left[at] != 0 && spool->left[at] != key)
                at = (at + 1) % NOTICE_SLOTS;
        return &spool->left[at];
}

bool notice_is_left(const Spool *spool, uint64_t key) { return spool->left && *notice_slot(spool, key) == key; }

void notice_left(Spool *spool, uint64_t key, const char *source, const char *name, const char *reason) {
        if (!spool->left)
                spool->left = calloc(NOTICE_SLOTS, sizeof(*spool->left));
        if (spool->left) {
                uint64_t *slot = notice_slot(spool, key);
                if (*slot == key)
                        return;
                if (spool->n_left == SPOOL_LEFT_MAX) {
                        memset(spool->left, 0, NOTICE_SLOTS * sizeof(*spool->left));
                        spool->n_left = 0;
                        slot = notice_slot(spool, key);
                }
                *slot = key;
                spool->n_left++;
        }
        notice_add(spool, source, name, reason, false);
}

void notice_free_all(Spool *spool) {
        while (spool->notices)
                (void) spool_notice_free(spool_next_notice(spool));
        free(spool->left);
        spool->left = NULL;
}
