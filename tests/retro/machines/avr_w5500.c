/* SPDX-License-Identifier: MIT */
/* The AVR's side of a W5500 on its SPI. */
#include "line.h"
#include "w5500/w5500.h"

/* As w5500_model.c expects them. */
static const struct bh_w5500 settings = {
    {10, 0, 0, 9, 255, 255, 255, 0, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1},
    {4445 >> 8, 4445 & 255},
    {10, 0, 0, 2, 4444 >> 8, 4444 & 255}};

void bh_chip_open(void)
{
    bh_spi_open();
    bh_w5500_open(&settings);
}
