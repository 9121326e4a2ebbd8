/* SPDX-License-Identifier: MIT */
/*
 * Sentences for a person, on standard error. A complaint says what failed, on
 * what, why, and what to do: "cannot ...: why; what to do".
 */
#ifndef BH_CLI_MESSAGE_H
#define BH_CLI_MESSAGE_H

struct bh_disk;

/* The program's name, the sentence and a line feed. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A note: the sentence alone. For what is worth knowing and is no failure. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The disk's own sentence, which is whole; or errno's if it has none. `error`
 * is the negative errno of the call that failed. */
void complain_disk(const struct bh_disk *disk, int error);

#endif
