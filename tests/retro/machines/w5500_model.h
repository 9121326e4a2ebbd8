/* SPDX-License-Identifier: MIT */
#ifndef W5500_MODEL_H
#define W5500_MODEL_H

#include <stdint.h>

#include "w5500/w5500.h"

/* What it expects to be told. */
extern const struct bh_w5500 w5500_settings;

/* SPI: its select, low while `on`, and a byte each way. */
void w5500_select(uint8_t on);
uint8_t w5500_exchange(uint8_t byte);

#endif
