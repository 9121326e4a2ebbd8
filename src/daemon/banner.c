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

static void print_listener(const struct bh_place *place)
{
    char text[BH_PLACE_TEXT_LEN];

    printf("blockheadd %s listens on %s\n", BH_VERSION,
           bh_place_print(place, text));
    if (place->transport == BH_TRANSPORT_UNIX ||
        place->transport == BH_TRANSPORT_SERIAL)
        return;
    if (bh_reach_each(&place->address, print_reachable, NULL) == 0)
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
static void print_ip_example(const struct bh_place *place, const char *image)
{
    const char *scheme = place->transport == BH_TRANSPORT_TCP
                             ? "blockhead+tcp://"
                             : "blockhead://";
    struct bh_address address = place->address;
    char text[BH_ADDRESS_TEXT_LEN];

    if (bh_reach_is_any(&place->address)) {
        address = (struct bh_address){.len = sizeof address.u.v4};
        address.u.v4.sin_family = AF_INET;
        address.u.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        bh_address_set_port(&address, bh_address_port(&place->address));
    }
    bh_address_print(&address, text);
    printf("try:\n  blockhead ls %s%s\n",
           place->transport == BH_TRANSPORT_TCP ? scheme : "", text);
    if (image[0] != '\0')
        printf("  blockhead get '%s%s/%s' copy.img\n", scheme, text, image);
}

static void print_unix_example(const struct bh_place *place, const char *image)
{
    printf("try:\n  blockhead ls 'blockhead+unix:///?socket=%s'\n",
           place->path);
    if (image[0] != '\0')
        printf("  blockhead get 'blockhead+unix:///%s?socket=%s' copy.img\n",
               image, place->path);
}

void bh_banner_print(struct bh_driver *driver)
{
    const struct bh_place *place;
    struct images images = {0};

    for (size_t i = 0; (place = bh_driver_place(driver, i)) != NULL; i++)
        print_listener(place);
    print_images(driver, &images);
    place = bh_driver_place(driver, 0);
    if (place->transport == BH_TRANSPORT_UNIX)
        print_unix_example(place, images.first);
    else if (place->transport != BH_TRANSPORT_SERIAL)
        print_ip_example(place, images.first);
    fflush(stdout);
}
