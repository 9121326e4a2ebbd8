/* SPDX-License-Identifier: MIT */
/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012) for hash tables whose keys a
 * hostile peer chooses: without the key he cannot aim at one bucket.
 */
#ifndef BH_CORE_HASH_H
#define BH_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t bh_hash(const uint8_t key[16], const void *bytes, size_t len);

#endif
