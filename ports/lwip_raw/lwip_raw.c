/* SPDX-License-Identifier: MIT */
#include "lwip_raw/lwip_raw.h"

#include <lwip/pbuf.h>
#include <lwip/sys.h>
#include <lwip/udp.h>

#include "tiny/drive.h"

#define TICK_MS 20

static struct udp_pcb *socket;
static u32_t due_ms;
static u8_t waiting;      /* reply and place are lwIP's to write to */
static u16_t arrived_len; /* 0: nothing has */

static void arrive(void *context, struct udp_pcb *pcb, struct pbuf *datagram,
                   const ip_addr_t *from, u16_t port)
{
    u16_t len = datagram->tot_len;

    (void)context, (void)pcb, (void)from, (void)port;
    if (waiting && len != 0) {
        waiting = 0;
        arrived_len = len;
        pbuf_copy_partial(datagram, bh_drive.reply, BH_DRIVE_HEAD_LEN, 0);
        if (bh_drive.reply_len > BH_DRIVE_HEAD_LEN)
            pbuf_copy_partial(datagram, bh_drive.place,
                              (u16_t)(bh_drive.reply_len - BH_DRIVE_HEAD_LEN),
                              BH_DRIVE_HEAD_LEN);
    }
    pbuf_free(datagram);
}

err_t bh_lwip_open(const ip_addr_t *server, u16_t port)
{
    socket = udp_new_ip_type(IP_GET_TYPE(server));
    if (socket == NULL)
        return ERR_MEM;
    udp_recv(socket, arrive, NULL);
    return udp_connect(socket, server, port); /* strangers are dropped */
}

/* The sector itself is not copied: it is there until it is answered. A datagram
 * that does not leave is a lost one. */
void bh_port_send(void)
{
    struct pbuf *head =
        pbuf_alloc(PBUF_TRANSPORT, bh_drive.packet_len, PBUF_RAM);
    struct pbuf *body = NULL;

    due_ms = sys_now() + bh_drive.wait * TICK_MS;
    if (head == NULL)
        return;
    pbuf_take(head, bh_drive.packet, bh_drive.packet_len);
    if (bh_drive.body_len != 0) {
        body = pbuf_alloc(PBUF_RAW, bh_drive.body_len, PBUF_REF);
        if (body == NULL) {
            pbuf_free(head);
            return;
        }
        body->payload = (void *)(mem_ptr_t)bh_drive.body;
        pbuf_cat(head, body);
    }
    udp_send(socket, head);
    pbuf_free(head);
}

u16_t bh_port_receive(void)
{
    arrived_len = 0;
    waiting = 1;
    while (arrived_len == 0 && (s32_t)(due_ms - sys_now()) > 0)
        bh_lwip_poll();
    waiting = 0;
    return arrived_len;
}
