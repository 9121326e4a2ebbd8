/* SPDX-License-Identifier: MIT */
/*
 * Every request is answered in the end, when the network stops losing and the
 * server stops dying.
 *
 * Modelled: a client with a window of requests that sends each again by a
 * timer; the server's window, line by line as in core/window.c, or, with
 * COUNTING, its rule for clients without one, as in core/count.c; requests that
 * run for a while, in any order; a network of two datagrams each way that
 * loses, doubles and reorders, and a server that is killed and comes back with
 * what it had recorded, both until it is `calm`.
 *
 * Abstracted away: the length of numbers and of the window; what requests do
 * and how they end (strict.pml, counting.pml). Once it is calm the timer is
 * long: it runs out when nothing is under way. An answer then waits for room.
 * That a session may end (error 4) is an answer, too, and not modelled.
 *
 * Proved, under weak fairness: `answered`. It is the other half of [1] and [3]
 * of core/window.h: what is refused as recorded has its status sent again, and
 * what is not answered at all (OLD) has been answered before.
 */
#ifdef COUNTING
#define WINDOW 1
#endif
#ifndef WINDOW
#define WINDOW 2
#endif
#ifndef WIRE
#define WIRE 8
#endif
#ifndef NUMBERS
#ifdef COUNTING
#define NUMBERS 10
#else
#define NUMBERS 5
#endif
#endif
#ifndef RUN
#define RUN 3
#endif

#ifndef DELAY
#ifdef COUNTING
#define DELAY (WIRE / 2) /* a datagram lives for fewer new numbers */
#else
#define DELAY (WIRE - WINDOW)
#endif
#endif

#define BIT(i) (1 << (i))
#define ALL_SEEN (BIT(WINDOW) - 1)

chan requests = [2] of { byte };
chan answers = [2] of { byte };
bit calm;

/* The client. */
byte newest, waiting;
bit open[WINDOW];       /* n waits for its answer: at n mod W */

/* The server. */
byte highest, seen = ALL_SEEN, in_a_row;
byte runs[WINDOW];      /* numbers under way, or 0 */
byte busy;
bit naive;

#define DRAINED (len(requests) == 0 && len(answers) == 0 && busy == 0)
#define DONE (newest == NUMBERS && waiting == 0)

ltl answered { [] (calm -> <> DONE) }

active proctype client()
{
    byte n;

end:
    do
    :: atomic { /* a new request; what finds no room is lost */
        newest < NUMBERS && !open[(newest + 1) % WINDOW] &&
        (!calm || nfull(requests)) ->
        newest++;
        waiting++;
        open[newest % WINDOW] = 1;
        if
        :: nfull(requests) -> requests ! newest
        :: full(requests)
        fi
    }
    :: atomic { /* again */
        waiting > 0 && nfull(requests) && (!calm || DRAINED) ->
        if
        :: open[newest % WINDOW] -> n = newest
#if WINDOW > 1
        :: newest > 0 && open[(newest - 1) % WINDOW] -> n = newest - 1
#endif
        fi;
        requests ! n;
        n = 0
    }
    :: atomic {
        answers ? n ->
        if
        :: open[n % WINDOW] && n + WINDOW > newest ->
            open[n % WINDOW] = 0;
            waiting--
        :: else
        fi;
        n = 0
    }
    od
}

active proctype network()
{
    byte n;

end:
    do
    :: atomic { !calm && nempty(requests) -> requests ? n; n = 0 } /* lost */
    :: atomic { !calm && nempty(answers) -> answers ? n; n = 0 }
    :: atomic { /* overtaken */
        !calm && len(requests) == 2 -> requests ? n; requests ! n; n = 0
    }
    :: atomic { !calm && len(answers) == 2 -> answers ? n; answers ! n; n = 0 }
    :: atomic { /* doubled */
        !calm && len(requests) == 1 -> requests ? n; requests ! n; requests ! n;
        n = 0
    }
    :: atomic {
        !calm && len(answers) == 1 -> answers ? n; answers ! n; answers ! n;
        n = 0
    }
    :: calm = 1
    od
}

inline answer(n)
{
    if
    :: nfull(answers) -> answers ! n
    :: full(answers)
    fi
}

#ifdef COUNTING

/* bh_count_check, of WRITEs; an old one is not answered */
inline received(n)
{
    ahead = (n + WIRE - highest) % WIRE;
    if
    :: n == runs[0]
    :: n != runs[0] && ahead >= WIRE / 2 && !naive && in_a_row >= RUN
    :: else ->
        if
#ifdef BUG_SAME_NUMBER_DROPPED
        :: ahead == 0 -> n = 0
#endif
        :: ahead != 0 ->
            naive = naive || busy > 0;
            if
            :: naive || in_a_row < RUN ->
                in_a_row = (ahead == 1 -> in_a_row + 1 : 0)
            :: else
            fi;
            highest = n % WIRE
#ifdef BUG_SAME_NUMBER_DROPPED
#else
        :: ahead == 0
#endif
        fi;
        if /* a second one under way is lost: it comes again */
        :: busy == 0 && n != 0 -> runs[0] = n; busy = 1
        :: else
        fi
    fi;
    ahead = 0
}

inline record(n)
{
    skip
}

#else

/* bh_window_infer, bh_window_check: see strict.pml */
inline received(n)
{
    ahead = (n % WIRE + WIRE - highest % WIRE) % WIRE;
    if
#ifdef BUG_INFER_SHORT
    :: ahead < WINDOW -> number = highest + ahead
    :: ahead >= WINDOW && highest + ahead < WIRE -> number = 0
#else
    :: ahead <= WINDOW -> number = highest + ahead
    :: ahead > WINDOW && highest + ahead < WIRE -> number = 0
#endif
    :: else -> number = highest + ahead - WIRE
    fi;
    lowest = highest + 1;
    back = 0;
    do
    :: back < WINDOW ->
        if
        :: (seen & BIT(back)) == 0 -> lowest = highest - back
        :: else
        fi;
        back++
    :: else -> break
    od;
    back = highest - number;
    if
    :: number > highest && number >= lowest + WINDOW -> assert(false) /* 17 */
    :: number <= highest && (number == 0 || back >= WINDOW) /* OLD */
    :: number <= highest && number != 0 && back < WINDOW &&
       (seen & BIT(back)) -> /* SEEN */
#ifndef BUG_SEEN_NOT_ANSWERED
        answer(n)
#endif
    :: else -> /* NEW */
        if
        :: runs[number % WINDOW] == 0 ->
            runs[number % WINDOW] = number;
            busy++
        :: else
        fi
    fi;
    ahead = 0; number = 0; lowest = 0; back = 0
}

inline record(n)
{
    if
    :: n > highest ->
        assert(n - highest <= WINDOW);
        seen = (seen << (n - highest)) & ALL_SEEN;
        highest = n
    :: else
    fi;
    seen = seen | BIT(highest - n)
}

#endif

active proctype server()
{
    byte n, i, ahead, number, lowest, back;

end:
    do
    :: atomic {
        nempty(requests) && (!calm || nfull(answers)) ->
        requests ? n;
        if
        :: n + DELAY > newest -> received(n)
        :: else /* too old: the network has lost it */
        fi;
        n = 0
    }
    :: atomic { /* a job is done */
        busy > 0 && (!calm || nfull(answers)) ->
        if
        :: runs[0] != 0 -> i = 0
#if WINDOW > 1
        :: runs[1] != 0 -> i = 1
#endif
        fi;
        n = runs[i];
        record(n);
        answer(n);
        runs[i] = 0;
        busy--;
        n = 0;
        i = 0
    }
    :: atomic { /* killed, and started again */
        !calm && busy > 0 ->
#ifndef BUG_STARTED_IS_KEPT
        runs[0] = 0;
#if WINDOW > 1
        runs[1] = 0;
#endif
#endif
        busy = 0
    }
    od
}
