/* SPDX-License-Identifier: MIT */
/*
 * Whole reads and writes of a descriptor: what read(2) and write(2) leave to their caller.
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

int base_read_all(int fd, size_t size_max, Text *text) {
        for (;;) {
                char buffer[64 * 1024];
                ssize_t n = read(fd, buffer, sizeof(buffer));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return text->error;
                if (text->size + (size_t) n > size_max)
                        return -EFBIG;
                text_append_size(text, buffer, (size_t) n);
        }
}
