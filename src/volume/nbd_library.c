/* SPDX-License-Identifier: MIT */
#include "volume/nbd_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define SONAME "libnbd.so.0"

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static struct bh_nbd_library library;
static void *handle;

/* ISO C has no conversion from an object's address to a function's. */
static bool find(const char *name, void *function)
{
    void *address = dlsym(handle, name);

    memcpy(function, &address, sizeof address);
    return address != NULL;
}

static bool find_all(char cause[BH_CAUSE_LEN])
{
    bool whole = true;

#define FIND(name) whole = find("nbd_" #name, &library.name) && whole;
    BH_NBD_FUNCTIONS(FIND)
#undef FIND
    if (!whole)
        snprintf(cause, BH_CAUSE_LEN,
                 "the " SONAME " here is too old: 1.12 or later is needed");
    return whole;
}

static bool load(char cause[BH_CAUSE_LEN])
{
    void *opened = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);

    if (opened == NULL) {
        snprintf(cause, BH_CAUSE_LEN,
                 "volumes on NBD servers need libnbd; install it (Debian: "
                 "libnbd0): %s",
                 dlerror());
        return false;
    }
    handle = opened;
    if (find_all(cause))
        return true;
    dlclose(opened);
    handle = NULL;
    return false;
}

const struct bh_nbd_library *bh_nbd_library(char cause[BH_CAUSE_LEN])
{
    bool loaded;

    pthread_mutex_lock(&loading);
    loaded = handle != NULL || load(cause);
    pthread_mutex_unlock(&loading);
    return loaded ? &library : NULL;
}
