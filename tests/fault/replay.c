/* SPDX-License-Identifier: MIT */
/*
 * replay DATABASE: replays the log into an empty store and compares every projection.
 * Prints what differs. Exit status: 0 equal, 1 different, 2 not possible.
 */
#include "leadd/gate.h"

#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv) {
        Text differences = { 0 };
        uint64_t n_events = 0, n_differences = 0;

        if (argc != 2) {
                (void) fputs("usage: replay DATABASE\n", stderr);
                return 2;
        }
        log_open(LOG_LEVEL_WARNING);
        int r = gate_replay(argv[1], &differences, &n_events, &n_differences);
        if (differences.data)
                (void) fputs(differences.data, stdout);
        text_free(&differences);
        if (r != 0) {
                (void) fprintf(stderr, "replay stopped: %d\n", r);
                return 2;
        }
        (void) printf("%" PRIu64 " events replayed, %" PRIu64 " differences\n", n_events, n_differences);
        return n_differences ? 1 : 0;
}
