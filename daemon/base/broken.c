/* SPDX-License-Identifier: MIT */
/*
 * A test that cannot fail shows nothing: in the build that tests break on purpose (make BREAKABLE=1) the environment says how. In any
 * other there is nothing here.
 */
#include "leadd/base.h"

#ifdef LEADD_BREAKABLE
bool base_is_broken(const char *way) {
        const char *ways = getenv("LEADD_BREAK");

        return ways && base_streq(ways, way);
}
#endif
