/* SPDX-License-Identifier: MIT */
/*
 * Doubly linked rings of links that live inside their owners. A head is a link
 * too; an empty ring points at itself.
 */
#ifndef BH_CORE_LIST_H
#define BH_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct bh_link {
    struct bh_link *prev, *next;
};

/* The structure of `type` whose `member` is `*link`. */
#define BH_OWNER(link, type, member)                                           \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Safe against removal of `link` in the body. */
#define BH_LIST_EACH(link, head)                                               \
    for (struct bh_link *link = (head)->next, *link##_next = link->next;       \
         link != (head); link = link##_next, link##_next = link->next)

static inline void bh_list_init(struct bh_link *link)
{
    link->prev = link->next = link;
}

static inline bool bh_list_empty(const struct bh_link *head)
{
    return head->next == head;
}

static inline void bh_list_append(struct bh_link *head, struct bh_link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Leaves `link` an empty ring, so that removing it twice is harmless. */
static inline void bh_list_remove(struct bh_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    bh_list_init(link);
}

/* Takes the first link out of a ring that is not empty. */
static inline struct bh_link *bh_list_take(struct bh_link *head)
{
    struct bh_link *link = head->next;

    bh_list_remove(link);
    return link;
}

/* Moves all of `from` to the end of `to`. */
static inline void bh_list_move_all(struct bh_link *to, struct bh_link *from)
{
    while (!bh_list_empty(from))
        bh_list_append(to, bh_list_take(from));
}

#endif
