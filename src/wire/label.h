/* SPDX-License-Identifier: MIT */
/* The labels of checkpoints. */
#ifndef BH_WIRE_LABEL_H
#define BH_WIRE_LABEL_H

#define BH_LABEL_LEN 64u

/* Copies the label without the blanks, CRs, LFs and NULs at its end; an empty
 * one is none. BH_ERR_FORMAT: it is longer than BH_LABEL_LEN; it has a control
 * character, a byte beyond ASCII, '/', '@' or '#'; it begins with '.' or a
 * blank; or it has nothing but digits, which are a number. Else BH_OK. */
unsigned char bh_label_clean(const char *bytes, unsigned len,
                             char out[BH_LABEL_LEN + 1]);

#endif
