/* SPDX-License-Identifier: MIT */
/* What ports/cc65/ip65.c uses of IP65, in the shape of its inc/ip65.h. */
#ifndef IP65_H
#define IP65_H

unsigned char ip65_process(void);
unsigned char __fastcall__ udp_add_listener(unsigned int port,
                                            void (*arrived)(void));
extern unsigned char udp_recv_buf[1476];
unsigned int udp_recv_len(void);
unsigned long udp_recv_src(void);
unsigned int udp_recv_src_port(void);
unsigned char __fastcall__ udp_send(const unsigned char *bytes,
                                    unsigned int len, unsigned long to,
                                    unsigned int to_port,
                                    unsigned int from_port);
unsigned int timer_read(void);

#endif
