/* SPDX-License-Identifier: MIT */
/*
 * This machine with lwIP, whose network interface leads to server.c: what lwIP
 * sends loses its IPv4 and UDP headers, and what arrives is given some, as from
 * 10.0.0.2, port 4444.
 */
#include <string.h>

#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>

#include "line.h"
#include "lwip_raw/lwip_raw.h"
#include "server.h"

#define HEADERS_LEN 28u

static struct netif netif;
static u8_t headers[HEADERS_LEN]; /* of what was sent last */

static err_t output(struct netif *out, struct pbuf *packet,
                    const ip4_addr_t *to)
{
    u8_t bytes[2000];
    u16_t len = pbuf_copy_partial(packet, bytes, sizeof(bytes), 0);

    (void)out, (void)to;
    if (len > HEADERS_LEN && bytes[0] == 0x45 && bytes[9] == 17) {
        memcpy(headers, bytes, HEADERS_LEN);
        server_send(bytes + HEADERS_LEN, len - HEADERS_LEN);
    }
    return ERR_OK;
}

static err_t start(struct netif *added)
{
    added->mtu = 1500;
    added->output = output;
    return ERR_OK;
}

void bh_chip_open(void)
{
    ip4_addr_t own, mask, gateway;
    ip_addr_t server;

    server_open();
    lwip_init();
    IP4_ADDR(&own, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 0, 0, 2);
    netif_add(&netif, &own, &mask, &gateway, NULL, start, ip_input);
    netif_set_default(&netif);
    netif_set_up(&netif);
    netif_set_link_up(&netif);
    IP_ADDR4(&server, 10, 0, 0, 2);
    bh_lwip_open(&server, 4444);
}

static void put16(u8_t *at, u32_t value)
{
    at[0] = (u8_t)(value >> 8);
    at[1] = (u8_t)value;
}

static void sum_header(u8_t *bytes)
{
    u32_t sum = 0;

    put16(bytes + 10, 0);
    for (int i = 0; i < 20; i += 2)
        sum += (u32_t)(bytes[i] << 8 | bytes[i + 1]);
    sum = (sum & 0xFFFF) + (sum >> 16);
    put16(bytes + 10, ~(sum + (sum >> 16)));
}

/* The other way round, without a UDP checksum. */
static void put_headers(u8_t *bytes, size_t len)
{
    memcpy(bytes, headers, HEADERS_LEN);
    put16(bytes + 2, (u32_t)(HEADERS_LEN + len));
    memcpy(bytes + 12, headers + 16, 4);
    memcpy(bytes + 16, headers + 12, 4);
    sum_header(bytes);
    memcpy(bytes + 20, headers + 22, 2);
    memcpy(bytes + 22, headers + 20, 2);
    put16(bytes + 24, (u32_t)(8 + len));
    put16(bytes + 26, 0);
}

void bh_lwip_poll(void)
{
    u8_t bytes[2000];
    size_t len = server_receive(bytes + HEADERS_LEN, 1500);
    struct pbuf *packet;

    if (len != 0) {
        put_headers(bytes, len);
        packet = pbuf_alloc(PBUF_RAW, (u16_t)(HEADERS_LEN + len), PBUF_RAM);
        pbuf_take(packet, bytes, (u16_t)(HEADERS_LEN + len));
        if (netif.input(packet, &netif) != ERR_OK)
            pbuf_free(packet);
    }
    sys_check_timeouts();
}
