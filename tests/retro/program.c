/* SPDX-License-Identifier: MIT */
/* What every machine of tests/retro runs: it lists the directory of a FAT
 * volume, copies a file, and reads the copy back. */
#include <stdint.h>

#include "fat.h"
#include "line.h"
#include "machine.h"

#include "tiny/drive.h"

static void print(const char *text)
{
    while (*text != 0)
        machine_print(*text++);
}

/* Without division: not every library has that for its processor. */
static void print_number(uint32_t number)
{
    static const uint32_t powers[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    uint8_t i, begun = 0;
    char digit;

    for (i = 0; i < 7; i++) {
        for (digit = '0'; number >= powers[i]; digit++)
            number -= powers[i];
        begun |= digit != '0' || i == 6;
        if (begun)
            machine_print(digit);
    }
}

static void show(const struct fat_file *file)
{
    print(file->name);
    machine_print(' ');
    print_number(file->size);
    machine_print('\n');
}

static uint8_t copy(void)
{
    struct fat_file file;
    uint16_t sum, sum_of_copy;
    uint8_t status;

    if ((status = fat_find("HELLO   TXT", &file)) != BH_OK ||
        (status = fat_sum(&file, &sum)) != BH_OK ||
        (status = fat_copy(&file, "COPY    TXT")) != BH_OK ||
        (status = fat_find("COPY    TXT", &file)) != BH_OK ||
        (status = fat_sum(&file, &sum_of_copy)) != BH_OK)
        return status;
    print(sum == sum_of_copy ? "same\n" : "not the same\n");
    return BH_OK;
}

static uint8_t work(void)
{
    static const char name[] = "disk.img";
    uint8_t status;

    if ((status = bh_drive_connect(0, name, sizeof(name))) != BH_OK ||
        (status = fat_open()) != BH_OK || (status = fat_list(show)) != BH_OK ||
        (status = copy()) != BH_OK)
        return status;
    return bh_drive_disconnect();
}

int main(void)
{
    uint8_t status;

    bh_chip_open();
    status = work();
    print("status ");
    print_number(status);
    machine_print('\n');
    machine_end();
    return 0;
}
