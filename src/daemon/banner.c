/* SPDX-License-Identifier: MIT */
#include "daemon/banner.h"

#include "daemon/log.h"
#include "daemon/reach.h"
#include "volume/catalogue.h"
#include "volume/nbd_volume.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define IMAGES_SHOWN 20u

static void print_reachable(void *context, const struct bh_address *address)
{
    char host[BH_ADDRESS_TEXT_LEN];

    (void)context;
    printf("  type on the other machine:  %s  port %u\n",
           bh_address_print_host(address, host),
           (unsigned)bh_address_port(address));
}

static void print_listener(const struct bh_udp *udp)
{
    char text[BH_ADDRESS_TEXT_LEN];

    printf("blockheadd %s listens on udp:%s\n", BH_VERSION,
           bh_address_print(&udp->local, text));
    if (bh_reach_each(udp, print_reachable, NULL) == 0)
        printf("  this machine has no network address; only programs on it "
               "reach the server\n");
}

struct images {
    unsigned count;
    char first[BH_VOLUME_NAME_LEN + 1]; /* the name of one to try */
};

static bool print_image(void *context, const struct bh_volume_facts *facts)
{
    static const char *const modes[] = {"", ", shared", ", read-only",
                                        ", scratch"};
    struct images *images = context;
    char name[4 * sizeof facts->name];

    if (images->count == 0)
        strcpy(images->first, facts->name);
    if (images->count++ >= IMAGES_SHOWN)
        return true;
    bh_log_clean(facts->name, name, sizeof name);
    if (bh_nbd_volume_is(facts)) /* which is only now asked for its length */
        printf("  %4u  %s  (on an NBD server%s)\n", (unsigned)facts->number,
               name, modes[facts->mode]);
    else
        printf("  %4u  %s  (%llu bytes%s)\n", (unsigned)facts->number, name,
               (unsigned long long)facts->byte_count, modes[facts->mode]);
    return true;
}

static void print_images(struct bh_driver *driver, struct images *images)
{
    printf("images:\n");
    bh_catalogue_each(bh_driver_catalogue(driver), print_image, images);
    if (images->count > IMAGES_SHOWN)
        printf("  and %u more\n", images->count - IMAGES_SHOWN);
    if (images->count == 0)
        printf("  none yet; copy one there, and it is served\n");
}

/* The host part of a URL that reaches the listener from this machine. */
static void print_example(const struct bh_udp *udp, const char *image)
{
    struct bh_address address = udp->local;
    char text[BH_ADDRESS_TEXT_LEN];

    if (bh_reach_is_any(udp)) {
        address = (struct bh_address){.len = sizeof address.u.v4};
        address.u.v4.sin_family = AF_INET;
        address.u.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        bh_address_set_port(&address, bh_address_port(&udp->local));
    }
    printf("try:\n  blockhead ls %s\n", bh_address_print(&address, text));
    if (image[0] != '\0')
        printf("  blockhead get 'blockhead://%s/%s' copy.img\n", text, image);
}

void bh_banner_print(struct bh_driver *driver)
{
    size_t count;
    const struct bh_udp *listeners = bh_driver_listeners(driver, &count);
    struct images images = {0};

    for (size_t i = 0; i < count; i++)
        print_listener(&listeners[i]);
    print_images(driver, &images);
    print_example(&listeners[0], images.first);
    fflush(stdout);
}
