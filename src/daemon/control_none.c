/* SPDX-License-Identifier: MIT */
/* control.h for a build without jansson. */
#include "daemon/control.h"

#include "daemon/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int bh_control_open(struct bh_driver *driver, char problem[BH_PROBLEM_LEN])
{
    const char *wanted = driver->config->control;

    driver->control = NULL;
    if (wanted == NULL || strcmp(wanted, "none") == 0)
        return 0;
    snprintf(problem, BH_PROBLEM_LEN,
             "there is no control socket: this blockheadd was built without "
             "jansson; leave 'control' out");
    return -ENOTSUP;
}

void bh_control_start(struct bh_control *control)
{
    (void)control;
}

void bh_control_free(struct bh_control *control)
{
    (void)control;
}
