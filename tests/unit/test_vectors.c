/* SPDX-License-Identifier: MIT */
/* tests/vectors against wire: what is decoded means what the vector says, and
 * encodes to the same bytes again. */
#include "vectors.h"
#include "wire/identify.h"
#include "wire/moment.h"
#include "wire/packet.h"
#include "wire/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MEANT " name "

static unsigned vectors_decoded, vectors_encoded, vectors_refused;

static bool from_client(const struct vector *vector)
{
    return strcmp(vector->from, "client") == 0;
}

static bool means_begins(const struct vector *vector, const char *words)
{
    return strncmp(vector->means, words, strlen(words)) == 0;
}

static void assert_means(const struct vector *vector, const char *text)
{
    if (strcmp(vector->means, text) != 0)
        fail_msg("%s means \"%s\", decoded as \"%s\"", vector->name,
                 vector->means, text);
}

/* Compares the name behind NAME_MEANT, and cuts it off `vector->means`. */
static void assert_name(struct vector *vector, const char *name)
{
    uint8_t want[VECTOR_TEXT_MAX];
    char *at = strstr(vector->means, NAME_MEANT);
    size_t len;

    assert_non_null(at);
    len = vector_parse_bytes(at + strlen(NAME_MEANT), want, sizeof want);
    if (len != strlen(name) || memcmp(want, name, len) != 0)
        fail_msg("%s: another name than \"%s\"", vector->name, name);
    *at = 0;
}

static void assert_encoded(const struct vector *vector, const uint8_t *bytes,
                           size_t len)
{
    if (len > vector->len || memcmp(vector->bytes, bytes, len) != 0)
        fail_msg("%s: not encoded to the same bytes", vector->name);
    vectors_encoded++;
}

static uint8_t check_connect(struct vector *vector)
{
    uint8_t bytes[BH_CONNECT_MAX_LEN];
    struct bh_connect connect;
    char text[VECTOR_TEXT_MAX];
    uint8_t status = bh_connect_decode(vector->bytes, vector->len, &connect);

    if (status != BH_OK)
        return status;
    snprintf(text, sizeof text, "CONNECT seq %u flags %02x", connect.seq,
             connect.flags);
    assert_name(vector, connect.name);
    assert_means(vector, text);
    assert_encoded(vector, bytes, bh_connect_encode(bytes, &connect));
    return BH_OK;
}

static uint8_t check_command(struct vector *vector)
{
    uint8_t bytes[BH_COMMAND_HEADER_LEN];
    struct bh_command command;
    char text[VECTOR_TEXT_MAX];
    uint8_t status = bh_command_decode(vector->bytes, vector->len, &command);

    if (status != BH_OK)
        return status;
    snprintf(text, sizeof text,
             "COMMAND seq %u session %04x opcode %u lsn %" PRIu32 " pad %02x",
             command.seq, command.session, command.opcode, command.lsn,
             command.pad);
    assert_means(vector, text);
    assert_encoded(vector, bytes, bh_command_encode(bytes, &command));
    return BH_OK;
}

static uint8_t check_discon(struct vector *vector)
{
    uint8_t bytes[BH_DISCON_LEN];
    struct bh_discon discon;
    char text[VECTOR_TEXT_MAX];
    uint8_t status = bh_discon_decode(vector->bytes, vector->len, &discon);

    if (status != BH_OK)
        return status;
    snprintf(text, sizeof text, "DISCON seq %u session %04x", discon.seq,
             discon.session);
    assert_means(vector, text);
    assert_encoded(vector, bytes, bh_discon_encode(bytes, &discon));
    return BH_OK;
}

static uint8_t check_strict_command(struct vector *vector)
{
    uint8_t bytes[BH_COMMAND_HEADER_LEN];
    struct bh_command command;
    char text[VECTOR_TEXT_MAX];
    uint8_t status = bh_command_decode(vector->bytes, vector->len, &command);

    if (status != BH_OK)
        return status;
    snprintf(text, sizeof text,
             "STRICT-COMMAND number %u session %04x opcode %u lsn %" PRIu32,
             (unsigned)command.pad << 8 | command.seq, command.session,
             command.opcode, command.lsn);
    assert_means(vector, text);
    assert_encoded(vector, bytes, bh_command_encode(bytes, &command));
    return BH_OK;
}

/* DISCON and KEEP: one form, and one decoder. */
static uint8_t check_strict_five(struct vector *vector)
{
    bool keep = vector->bytes[0] == BH_PACKET_KEEP;
    uint8_t bytes[BH_STRICT_DISCON_LEN];
    struct bh_discon discon;
    char text[VECTOR_TEXT_MAX];
    uint8_t status = bh_discon_decode(vector->bytes, vector->len, &discon);

    if (status != BH_OK)
        return status;
    assert_true(vector->len >= BH_STRICT_DISCON_LEN);
    snprintf(text, sizeof text, "STRICT-%s number %u session %04x",
             keep ? "KEEP" : "DISCON", (unsigned)discon.pad << 8 | discon.seq,
             discon.session);
    assert_means(vector, text);
    assert_encoded(vector, bytes,
                   keep ? bh_strict_keep_encode(bytes, &discon)
                        : bh_strict_discon_encode(bytes, &discon));
    return BH_OK;
}

static uint8_t check_identify(struct vector *vector)
{
    uint8_t bytes[BH_IDENTIFY_LEN];
    struct bh_identify identify;
    char text[VECTOR_TEXT_MAX];
    uint8_t status;

    assert_int_equal(vector->len, BH_IDENTIFY_LEN);
    status = bh_identify_decode(vector->bytes, &identify);
    if (status != BH_OK)
        return status;
    snprintf(text, sizeof text,
             "IDENTIFY-DATA version %u sector %u flags %04x count %" PRIu64
             " change %" PRIu64 " utc %" PRIu64
             " zone %d window %u run %u lease %u features %08" PRIx32
             " heavy %" PRIu32 " instance %016" PRIx64,
             identify.version, identify.sector_exponent, identify.flags,
             identify.sector_count, identify.change_counter,
             identify.utc_seconds, identify.zone_minutes, identify.window,
             identify.preferred_run, identify.lease_seconds, identify.features,
             identify.heavy_len, identify.instance);
    assert_name(vector, identify.name);
    assert_means(vector, text);
    bh_identify_encode(bytes, &identify);
    assert_encoded(vector, bytes, sizeof bytes);
    return BH_OK;
}

static uint8_t check_moment(struct vector *vector)
{
    uint8_t bytes[BH_MOMENT_LEN];
    struct bh_moment moment, set;
    char text[VECTOR_TEXT_MAX];

    assert_int_equal(vector->len, BH_MOMENT_LEN);
    bh_moment_decode(vector->bytes, &moment);
    snprintf(text, sizeof text,
             "TIME-DATA utc %" PRIu64 " zone %d local %04u-%02u-%02u"
             " %02u:%02u:%02u weekday %u",
             moment.utc_seconds, moment.zone_minutes, moment.year, moment.month,
             moment.day, moment.hour, moment.minute, moment.second,
             moment.weekday);
    assert_means(vector, text);
    bh_moment_set(&set, moment.utc_seconds, moment.zone_minutes);
    bh_moment_encode(bytes, &set);
    assert_encoded(vector, bytes, sizeof bytes);
    return BH_OK;
}

/* What a reply brings, behind its header. */
static uint8_t check_data(struct vector *vector)
{
    return means_begins(vector, "TIME-DATA") ? check_moment(vector)
                                             : check_identify(vector);
}

/* Decodes by the first byte, as a server does. */
static uint8_t check_packet(struct vector *vector)
{
    if (means_begins(vector, "STRICT-"))
        return vector->bytes[0] == BH_PACKET_COMMAND
                   ? check_strict_command(vector)
                   : check_strict_five(vector);
    switch (vector->bytes[0]) {
    case BH_PACKET_CONNECT:
        return check_connect(vector);
    case BH_PACKET_COMMAND:
        return check_command(vector);
    case BH_PACKET_DISCON:
        return check_discon(vector);
    default:
        fail_msg("%s: no request", vector->name);
        return BH_ERR_FORMAT;
    }
}

static void decode_vector(const struct vector *read)
{
    static struct vector vector;
    uint8_t status, want = BH_OK;

    vector = *read;
    if (means_begins(&vector, "bad format"))
        want = BH_ERR_FORMAT;
    if (means_begins(&vector, "KEEP")) {
        assert_int_equal(vector.bytes[0], BH_PACKET_KEEP);
        return;
    }
    if (means_begins(&vector, "nothing") ||
        strstr(vector.means, "-REPLY") != NULL)
        return;
    status = from_client(&vector) ? check_packet(&vector) : check_data(&vector);
    if (status != want)
        fail_msg("%s: decoded with status %u", vector.name, status);
    if (want == BH_OK)
        vectors_decoded++;
    else
        vectors_refused++;
}

static void encode_reply(const struct vector *vector)
{
    uint8_t bytes[BH_STRICT_REPLY_HEADER_LEN];
    unsigned seq, status, session, pad;
    size_t len = 0;

    if (strstr(vector->means, "-REPLY") == NULL)
        return;
    if (sscanf(vector->means, "CONNECT-REPLY seq %u status %u session %x", &seq,
               &status, &session) == 3)
        len = bh_connect_reply_encode(bytes, (uint8_t)seq, (uint8_t)status,
                                      (uint16_t)session);
    else if (sscanf(vector->means, "COMMAND-REPLY seq %u status %u pad %x",
                    &seq, &status, &pad) == 3)
        len = bh_command_reply_encode(bytes, (uint8_t)seq, (uint8_t)status,
                                      (uint8_t)pad);
    else if (sscanf(vector->means, "DISCON-REPLY seq %u status %u", &seq,
                    &status) == 2)
        len = bh_discon_reply_encode(bytes, (uint8_t)seq, (uint8_t)status);
    else if (sscanf(vector->means,
                    "STRICT-REPLY number %u status %u session %x", &seq,
                    &status, &session) == 3)
        len = bh_strict_reply_encode(bytes, (uint8_t)seq, (uint8_t)status,
                                     (uint8_t)(seq >> 8), (uint16_t)session);
    else
        fail_msg("%s: no such reply", vector->name);
    if (memcmp(vector->bytes, bytes, len) != 0)
        fail_msg("%s: the reply is not encoded so", vector->name);
    vectors_encoded++;
}

static void cut_vector(const struct vector *vector)
{
    /* A copy of exact size, so that the sanitizer sees each byte too many. */
    for (size_t len = 1; len <= vector->len; len++) {
        struct bh_connect connect;
        struct bh_command command;
        struct bh_discon discon;
        uint8_t *bytes = malloc(len);

        assert_non_null(bytes);
        memcpy(bytes, vector->bytes, len);
        bh_connect_decode(bytes, len, &connect);
        if (bh_command_decode(bytes, len, &command) == BH_OK)
            assert_true(len >= BH_COMMAND_HEADER_LEN);
        if (bh_discon_decode(bytes, len, &discon) == BH_OK)
            assert_true(len >= BH_DISCON_LEN);
        free(bytes);
    }
}

static void requests_decode_to_what_they_mean(void **state)
{
    (void)state;
    vectors_decoded = vectors_refused = 0;
    assert_true(vectors_each(decode_vector) > 100);
    assert_true(vectors_decoded > 60);
    assert_true(vectors_refused > 5);
}

static void replies_encode_to_their_bytes(void **state)
{
    (void)state;
    vectors_encoded = 0;
    vectors_each(encode_reply);
    assert_true(vectors_encoded >= 16);
}

static void no_cut_is_read_beyond_its_end(void **state)
{
    (void)state;
    vectors_each(cut_vector);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_decode_to_what_they_mean),
        cmocka_unit_test(replies_encode_to_their_bytes),
        cmocka_unit_test(no_cut_is_read_beyond_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
