/* SPDX-License-Identifier: MIT */
/*
 * Whole writes to a descriptor: what write(2) leaves to its caller.
 */
#include "leadd/base.h"

#include <errno.h>

int base_write_all(int fd, const void *data, size_t size) {
        const char *at = data;
        while (size > 0) {
                ssize_t n = write(fd, at, size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                at += n;
                size -= (size_t) n;
        }
        return 0;
}
