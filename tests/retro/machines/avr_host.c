/* SPDX-License-Identifier: MIT */
/*
 * avr_host PROGRAM: an ATmega328P at 16 MHz whose UART 0 is the line, at
 * 115,200 baud, and whose register GPIOR0 is the console. Ends when it sleeps
 * without interrupts, and says how many cycles that took.
 */
#include "host.h"
#include "server.h"
#include "w5500_model.h"

#include <string.h>

#include <simavr/avr_ioport.h>
#include <simavr/avr_spi.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>

#define GPIOR0 0x3E
#define STEP 1400 /* cycles between two looks at the line: a byte of it */

static struct machine {
    struct host_line line;
    avr_irq_t *uart;
    int ready;   /* the UART takes a byte */
    int selects; /* the W5500 */
} machine = {.line = {.byte_cycles = 1389, .idle_cycles = 64000}};

static void sent(struct avr_irq_t *irq, uint32_t value, void *context)
{
    avr_t *avr = context;

    (void)irq;
    host_put(&machine.line, (uint8_t)value, avr->cycle);
}

static void set_ready(struct avr_irq_t *irq, uint32_t value, void *context)
{
    (void)irq, (void)value;
    machine.ready = context != NULL;
}

static void printed(struct avr_t *avr, avr_io_addr_t at, uint8_t value,
                    void *context)
{
    (void)avr, (void)at, (void)context;
    fputc(value, stderr);
}

static avr_cycle_count_t look(avr_t *avr, avr_cycle_count_t when, void *context)
{
    int byte;

    (void)context;
    if (machine.ready && (byte = host_get(&machine.line, avr->cycle)) >= 0)
        avr_raise_irq(machine.uart + UART_IRQ_INPUT, (uint32_t)byte);
    return when + STEP;
}

/* simavr prints on standard output, which is the line. */
static void say_nothing(struct avr_t *avr, const int level, const char *format,
                        va_list words)
{
    (void)avr, (void)level, (void)format, (void)words;
}

static void plug_in(avr_t *avr)
{
    uint32_t flags = 0;

    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POLL_SLEEP);
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    machine.uart = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), 0);
    avr_irq_register_notify(machine.uart + UART_IRQ_OUTPUT, sent, avr);
    avr_irq_register_notify(machine.uart + UART_IRQ_OUT_XON, set_ready, avr);
    avr_irq_register_notify(machine.uart + UART_IRQ_OUT_XOFF, set_ready, NULL);
    avr_register_io_write(avr, GPIOR0, printed, NULL);
    avr_cycle_timer_register(avr, STEP, look, NULL);
}

static void exchanged(struct avr_irq_t *irq, uint32_t value, void *context)
{
    (void)irq;
    avr_raise_irq(context, w5500_exchange((uint8_t)value));
}

static void selected(struct avr_irq_t *irq, uint32_t value, void *context)
{
    (void)irq, (void)context;
    if (machine.selects != (value == 0)) {
        machine.selects = value == 0;
        w5500_select((uint8_t)machine.selects);
    }
}

static void plug_in_w5500(avr_t *avr)
{
    avr_irq_t *spi = avr_io_getirq(avr, AVR_IOCTL_SPI_GETIRQ(0), 0);

    if (getenv("RETRO_HOST") == NULL)
        return;
    server_open();
    avr_irq_register_notify(spi + SPI_IRQ_OUTPUT, exchanged,
                            spi + SPI_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), 2),
                            selected, NULL);
}

int main(int count, char **words)
{
    elf_firmware_t firmware;
    avr_t *avr = avr_make_mcu_by_name("atmega328p");
    int state;

    avr_global_logger_set(say_nothing);
    memset(&firmware, 0, sizeof(firmware));
    if (count != 2 || avr == NULL ||
        elf_read_firmware(words[1], &firmware) != 0)
        return 1;
    avr_init(avr);
    avr->frequency = 16000000;
    avr_load_firmware(avr, &firmware);
    plug_in(avr);
    plug_in_w5500(avr);
    do
        state = avr_run(avr);
    while (state != cpu_Done && state != cpu_Crashed);
    fprintf(stderr, "cycles %llu\n", (unsigned long long)avr->cycle);
    return state == cpu_Crashed;
}
