/* SPDX-License-Identifier: MIT */
/*
 * A default client that counts (core/count.h): once the server has seen that it
 * does, no old WRITE of it is carried out after a newer one, as long as nothing
 * is older than half the number space.
 *
 * Modelled: a client that numbers its requests one by one, sends each again and
 * again, and waits for the answer or gives up and goes on; the server's rule,
 * line by line as in core/count.c; requests that run for a while, one after the
 * other; a server that is killed at any moment and comes back with what it knew
 * of the numbers, while the write that ran may have hit the disk.
 *
 * The network: a datagram of a number that was begun may arrive at any time,
 * any number of times or never, until DELAY numbers more were begun. The same
 * holds for replies, as long as the client waits for them.
 *
 * Abstracted away: the length of numbers (SPACE of them instead of 256) and of
 * the run that makes a client count (RUN instead of 8). Every request is a
 * WRITE; WRITES of them, at any numbers, go to the one sector that has a value.
 * A client that has become naive is not followed: nothing is promised to it but
 * what naive.pml shows. Of more than two requests under way the rest is lost.
 * That an old number which comes for 5 s ends the session: nothing is carried
 * out after that.
 *
 * Assertions, by the numbers of core/count.h:
 *  [3]  what was carried out since the client counts is never followed by an
 *       older WRITE: `order`
 *  [c]  a write that was carried out and acknowledged while the client counted
 *       stays until the client writes again: `lost`
 *
 * Not promised: safety from datagrams that arrive before the client counts, or
 * that make the server believe so. PROMISE_ALL demands [3] of what was carried
 * out before, too: refuted, since RUN late copies in their order look like a
 * client that counts.
 */
#ifndef SPACE
#define SPACE 8
#endif
#ifndef RUN
#define RUN 3
#endif
#ifndef NUMBERS
#define NUMBERS 14
#endif
#ifndef DELAY
#define DELAY (SPACE / 2) /* a datagram lives for fewer new numbers */
#endif

/* The client. */
byte newest;
bit waits;         /* for the answer to `newest` */
bit answered;      /* an answer to it is under way */

/* The server. */
byte highest;      /* as on the wire; the CONNECT had 0 */
byte in_a_row;
bit naive;
byte disk;         /* the write that is on it; 0: none */
byte runs, next;   /* the number under way, and the one after it; or 0 */

/* Ghosts. */
byte last;         /* highest number carried out since the client counts */
byte number_of[2]; /* of write v + 1; 0: not begun */
byte sure;         /* the write that the client relies on, or 0 */

#define COUNTS (!naive && in_a_row >= RUN)

inline find_value(n)
{
    if
    :: n == number_of[0] -> value = 1
    :: n == number_of[1] -> value = 2
    :: else -> value = 0
    fi
}

proctype client()
{
    byte value;

end:
    do
    :: atomic { /* a new request: the last was answered, or is given up */
        newest < NUMBERS && !naive ->
        newest++;
        waits = 1;
        answered = 0;
        if
        :: number_of[0] == 0 -> number_of[0] = newest; sure = 0
        :: number_of[0] != 0 && number_of[1] == 0 ->
            number_of[1] = newest;
            sure = 0
        :: true
        fi
    }
    :: atomic {
        waits && answered && !naive ->
        waits = 0;
        answered = 0;
        find_value(newest);
        if
        :: value != 0 && COUNTS && last >= newest -> sure = value
        :: else
        fi;
        value = 0
    }
    od
}

/* bh_count_check, and what becomes of the request */
inline received(n)
{
    seq = n % SPACE;
    step = (seq + SPACE - highest) % SPACE;
    if
    :: n == runs || n == next /* repeated */
#ifdef BUG_OLD_WRITE_RUNS
#elif defined(BUG_HALF_TOO_LONG)
    :: n != runs && n != next && step >= SPACE / 2 + 2 && COUNTS
#elif defined(BUG_OLD_MOVES_HIGHEST)
    :: n != runs && n != next && step >= SPACE / 2 && COUNTS -> highest = seq
#else
    :: n != runs && n != next && step >= SPACE / 2 && COUNTS /* dropped */
#endif
    :: else ->
        if
        :: step != 0 ->
            naive = naive || runs != 0;
            if
            :: !COUNTS -> in_a_row = (step == 1 -> in_a_row + 1 : 0)
            :: else
            fi;
            highest = seq
        :: else
        fi;
        if
        :: runs == 0 -> runs = n
        :: runs != 0 && next == 0 -> next = n
        :: else
        fi
    fi;
    seq = 0;
    step = 0
}

inline carry_out(n)
{
#ifndef END_TO_END
    assert(!COUNTS || n >= last); /* order */
#endif
    if
#ifndef PROMISE_ALL
    :: !COUNTS
#endif
    :: else -> last = (n > last -> n : last)
    fi;
    find_value(n);
    if
    :: value != 0 -> disk = value
    :: else
    fi;
    assert(!COUNTS || sure == 0 || disk == sure); /* lost */
#ifdef REACH /* reached */
    assert(newest < NUMBERS || sure != 2);
#endif
    value = 0
}

proctype server()
{
    byte n, seq, step, value;

end:
    do
    :: atomic { /* a datagram arrives: of late, or long ago */
        !naive ->
        select(n : 0 .. DELAY - 1);
        if
        :: n < newest -> n = newest - n; received(n)
        :: else
        fi;
        n = 0
    }
    :: atomic { /* a job is done, and the request answered */
        runs != 0 && !naive ->
        carry_out(runs);
        if
        :: runs == newest && waits -> answered = 1
        :: else
        fi;
        runs = next;
        next = 0
    }
    :: atomic { /* killed, and started again */
        !naive ->
        if
        :: runs != 0 -> carry_out(runs)
        :: true
        fi;
        runs = 0;
        next = 0;
#ifdef BUG_COUNT_LOST
        highest = 0
#endif
    }
    od
}

init {
    atomic { run client(); run server() }
}
