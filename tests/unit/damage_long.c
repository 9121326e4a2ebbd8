/* SPDX-License-Identifier: MIT */
/* damage_long COUNT [SEED]: so many damaged frames (make damage). */
#include "damage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    uint64_t wrong = 0;

    printf("seed %" PRIu64 "\n", seed);
    printf("%-22s %10s %9s %9s %9s %12s\n", "damage", "frames", "pass FCS",
           "exact", "wrong", "others lost");
    for (unsigned kind = 0; kind < DAMAGE_COUNT; kind++) {
        struct damage_count sum = {0};

        damage_run(seed, count / DAMAGE_COUNT, (enum damage)kind, &sum);
        printf("%-22s %10" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64
               " %12" PRIu64 "\n",
               damage_names[kind], sum.damaged, sum.passed, sum.exact,
               sum.wrong, sum.later_lost);
        fflush(stdout);
        if (kind < DAMAGE_SINGLE)
            wrong += sum.wrong + sum.later_lost;
    }
    return wrong > 0;
}
