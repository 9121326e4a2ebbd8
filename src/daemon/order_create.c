/* SPDX-License-Identifier: MIT */
/*
 * The order that makes an image. What it begins with, such as an empty file
 * system, comes with the order, in pieces: this process starts no other.
 */
#include "daemon/order_internal.h"
#include "volume/create.h"
#include "volume/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_LEN_MAX 4096u

static int digit_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = memchr(digits, digit, sizeof digits - 1);

    return at == NULL ? -1 : (int)(at - digits);
}

/* Bytes of `hex`, at most PIECE_LEN_MAX; -1: it is none, or is longer. */
static ssize_t decode(const char *hex, uint8_t out[PIECE_LEN_MAX])
{
    size_t len = strlen(hex) / 2;

    if (strlen(hex) % 2 != 0 || len > PIECE_LEN_MAX)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int high = digit_value(hex[2 * i]), low = digit_value(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return -1;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return (ssize_t)len;
}

/* A piece is {"at": byte, "hex": digits}. */
static void write_piece(struct bh_order *order, struct bh_creation *creation,
                        uint64_t bytes, const json_t *piece)
{
    const json_t *at = json_object_get(piece, "at");
    const char *hex = json_string_value(json_object_get(piece, "hex"));
    uint8_t data[PIECE_LEN_MAX];
    ssize_t len = hex == NULL ? -1 : decode(hex, data);
    int error;

    if (!json_is_integer(at) || json_integer_value(at) < 0 || len < 0) {
        bh_order_refuse(order, "a piece of \"data\" is {\"at\": byte, \"hex\": "
                               "at most 4096 bytes}");
        return;
    }
    if ((uint64_t)len > bytes ||
        (uint64_t)json_integer_value(at) > bytes - (uint64_t)len) {
        bh_order_refuse(order, "a piece of \"data\" is behind the end");
        return;
    }
    error = bh_create_write(creation, (uint64_t)json_integer_value(at), data,
                            (size_t)len);
    if (error != 0)
        bh_order_refuse(order, "cannot write the image: %s", strerror(-error));
}

static void fill(struct bh_order *order, struct bh_creation *creation,
                 uint64_t bytes)
{
    const json_t *data = json_object_get(order->request, "data");

    for (size_t i = 0; i < json_array_size(data) && !order->refused; i++)
        write_piece(order, creation, bytes, json_array_get(data, i));
}

/* The file may also be anywhere else, under a name of the configuration. */
static bool is_taken(struct bh_order *order, const char *name)
{
    struct bh_volume_facts facts;

    if (bh_catalogue_lookup(order->driver->catalogue, name, NULL, &facts,
                            order->cause) != 0)
        return false;
    bh_order_refuse(order, "cannot create '%.100s': there is a volume '%.100s'",
                    name, facts.name);
    return true;
}

static void make(struct bh_order *order, int root, const char *name,
                 uint64_t bytes)
{
    struct bh_creation creation;
    int error = bh_create_begin(&creation, root, name, bytes, order->cause);

    if (error == 0) {
        fill(order, &creation, bytes);
        if (order->refused)
            bh_create_give_up(&creation);
        else
            error = bh_create_finish(&creation, name, order->cause);
    }
    if (error != 0)
        bh_order_refuse(order, "cannot create '%.100s': %s", name,
                        order->cause);
}

/* It is served, and has a number, from now on. */
static void look_up(struct bh_order *order, const char *name)
{
    struct bh_catalogue *catalogue = order->driver->catalogue;

    bh_catalogue_stir(catalogue);
    order->facts = calloc(1, sizeof *order->facts);
    if (order->facts != NULL &&
        bh_catalogue_lookup(catalogue, name, NULL, order->facts,
                            order->cause) == 0)
        order->count = 1;
}

void bh_order_do_create(struct bh_order *order)
{
    const char *name = bh_order_text(order, "name");
    uint64_t bytes;
    int root;

    if (name == NULL || !bh_order_number(order, "bytes", INT64_MAX, &bytes))
        return;
    if (strlen(name) > BH_VOLUME_NAME_LEN) {
        bh_order_refuse(order, "a name has at most %u bytes",
                        BH_VOLUME_NAME_LEN);
        return;
    }
    if (is_taken(order, name))
        return;
    root = bh_catalogue_directory(order->driver->catalogue);
    if (root < 0) {
        bh_order_refuse(order,
                        "there is no directory to create '%.100s' in: %s", name,
                        root == -ENOENT ? "this server serves single images"
                                        : strerror(-root));
        return;
    }
    make(order, root, name, bytes);
    close(root);
    if (!order->refused)
        look_up(order, name);
}

void bh_order_create(struct bh_order *order)
{
    json_t *answer = order->answer;

    json_object_set(answer, "name", json_object_get(order->request, "name"));
    json_object_set(answer, "bytes", json_object_get(order->request, "bytes"));
    if (order->count > 0 && order->facts->number != BH_NO_NUMBER)
        bh_order_put_number(answer, "number", order->facts->number);
}
