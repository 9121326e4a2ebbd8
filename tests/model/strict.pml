/* SPDX-License-Identifier: MIT */
/*
 * Strict sessions (core/window.h): no write is carried out twice in effect,
 * whatever the network and the server's death do.
 *
 * Modelled: clients with a window of requests, each on a session of its own;
 * the server's window, line by line as in core/window.c; requests that run for
 * a while, in any order; a server that is killed at any moment and comes back
 * with the windows as they were recorded, while a running write may have hit
 * the disk; failing writes; and of two sessions (SESSIONS=2) that the second
 * displaces the first, as core/pending.c has it. The second session is another
 * machine's, or that of the first machine, which has given up: then the first
 * client just does nothing any more.
 *
 * The network is the worst there is: a datagram of a number that was begun may
 * arrive at any time, any number of times or never, until DELAY numbers more
 * were begun. So it needs no room in the state. The same holds for replies, as
 * long as somebody waits for them.
 *
 * Abstracted away: the length of numbers (WIRE values instead of 65,536) and of
 * the window; all sectors but one (requests to others are OTHER); all writes to
 * that one but WRITES of them, at any numbers: an older write that overwrites a
 * newer one needs no third. A read that runs again takes no time. Ids are never
 * used again; a parked first command is its retransmission; KEEP, DISCON and a
 * changed medium are left out. With two sessions NUMBERS is too small to wrap:
 * numbers wrap within a session, and one is enough for that.
 *
 * What the assertions prove, by the numbers of core/window.h:
 *  [1]  recorded once, when carried out, before the reply: `twice`, `truly`
 *  [2]  everything at or below H-W is recorded: `floor`
 *  [3]  a recorded number is never new again: `twice`; the inference is right:
 *       `inferred`
 *  [a]  no client that keeps to its window is told 17: `ahead`
 *  [b]  a write that was overtaken is never carried out again: `overtaken`
 *  [c]  a read returns the last acknowledged value or a concurrent one: `read`
 *  [d]  what a session has read or written stays until it writes again, though
 *       a write was given up with the session before it: `stable`
 * and of core/session.h that two sessions are never both PROVEN: `alone`.
 *
 * Reads and writes take effect when they meet the disk; [b], `truly` and
 * `alone` say that a write does so once, before its answer: so the sector is
 * linearisable. END_TO_END leaves only what a client can see: `truly`, [c] and
 * [d], and the server's own assertions of core/window.c.
 *
 * Switches: GREEDY: the client ignores the window; `floor` must hold
 * nevertheless. SHARED: both sessions are proven, and no lock between them:
 * [c] holds, but [b] only as long as nobody kills the server (NO_KILL): a write
 * that hit the disk unrecorded is carried out again after another client's.
 * DOUBTS: a write is noted before it begins, and after a kill one whose data is
 * on the disk is recorded before anything else is done (core/doubt.h): then [b]
 * holds, too.
 * DELAY: see above; one more than the promise is refuted. It counts from the
 * number's first datagram: a copy that was sent last, WINDOW - 1 numbers later,
 * has so much less time.
 */
#ifndef WINDOW
#define WINDOW 2
#endif
#ifndef WIRE
#define WIRE 8 /* numbers on the wire */
#endif
#ifndef NUMBERS
#define NUMBERS 12 /* of each session */
#endif
#ifndef SESSIONS
#define SESSIONS 1
#endif
#ifndef WRITES
#define WRITES 2
#endif
#ifndef DELAY
#define DELAY (WIRE - WINDOW) /* a datagram lives for fewer new numbers */
#endif

#define BIT(i) (1 << (i))
#define ALL_SEEN (BIT(WINDOW) - 1)
#define SLOT(s, n) ((s) * WINDOW + (n) % WINDOW)

/* What a request does. Values from WRITE on: the write of value op - WRITE + 1;
 * value 0 is what the sector held at first. */
#define NONE 0
#define OTHER 1
#define READ 2
#define WRITE 3

#define OK 0
#define FAILED 1

/* Sessions. */
#define UNPROVEN 0
#define PROVEN 1
#define ENDING 2
#define GONE 3

/* Clients. */
byte newest[SESSIONS];         /* highest number begun */
byte open[SESSIONS * WINDOW];    /* what waits for its answer */
byte allowed[SESSIONS * WINDOW]; /* of a READ: values it may return, bits */
byte replies[SESSIONS * WINDOW]; /* under way: values or statuses, bits */

/* The server: what a kill leaves... */
byte state[SESSIONS];
byte highest[SESSIONS];
byte seen[SESSIONS];             /* bit i: H - i is recorded */
bit status[SESSIONS * WINDOW];
byte disk;
#ifdef DOUBTS
byte noted;                      /* writes that have begun, bits */
#endif
/* ...and what it does not. */
byte runs[SESSIONS * WINDOW];    /* number under way, or 0 */
byte runs_as[SESSIONS * WINDOW]; /* what the server takes it for */
byte did[SESSIONS * WINDOW];     /* write: 1 it is on the disk, 2 it failed */

/* Ghosts: what the assertions look at. */
int recorded[SESSIONS];          /* bit n: number n was */
byte number_of[WRITES];          /* the number of write v+1, 0: not begun */
bit session_of[WRITES];
byte begun = 1, acked = 1;       /* values, bits */
byte before[WRITES];             /* values acknowledged before it began */
byte executed = 1;
byte known[SESSIONS];             /* value + 1 that the client relies on */

/* Values that a read may return that begins now: all but those that were
 * acknowledged before another acknowledged one began. */
inline values_now(set)
{
    set = begun;
    v = 0;
    do
    :: v < WRITES ->
        if
        :: acked & BIT(v + 1) -> set = set & ~before[v]
        :: else
        fi;
        v++
    :: else -> break
    od;
    v = 0
}

inline begin(s, op)
{
    newest[s]++;
    i = SLOT(s, newest[s]);
    open[i] = op;
    replies[i] = 0;
    if
    :: op == READ -> values_now(allowed[i])
    :: op >= WRITE ->
        known[s] = 0;
        number_of[op - WRITE] = newest[s];
        session_of[op - WRITE] = s;
        begun = begun | BIT(op - WRITE + 1);
        before[op - WRITE] = acked;
        i = 0;
        do
        :: i < SESSIONS * WINDOW ->
            if
            :: open[i] == READ ->
                allowed[i] = allowed[i] | BIT(op - WRITE + 1)
            :: else
            fi;
            i++
        :: else -> break
        od
    :: else
    fi;
    i = 0
}

/* The client's own rule: one at a time to a sector, if one is a write. */
inline sector_free(s, op)
{
    i = 0;
    do
    :: i < WINDOW ->
        assert(open[s * WINDOW + i] <= WRITE + WRITES);
        if
        :: open[s * WINDOW + i] >= WRITE ||
           (open[s * WINDOW + i] == READ && op >= WRITE) -> clear = 0
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

proctype client(byte s)
{
    byte i, v, op, bits;
    bit clear;

end:
    do
#ifdef GREEDY
    :: atomic {
        newest[s] < NUMBERS && newest[s] <= highest[s] + WINDOW ->
        begin(s, OTHER)
    }
#else
    :: atomic { /* a new request, within the window */
        newest[s] < NUMBERS && open[SLOT(s, newest[s] + 1)] == NONE ->
        if
        :: op = OTHER
        :: op = READ
        :: op = WRITE
        :: begun & BIT(1) -> op = WRITE + 1
#if WRITES > 2
        :: begun & BIT(2) -> op = WRITE + 2
#endif
        fi;
        clear = 1;
        if
        :: op >= WRITE && (begun & BIT(op - WRITE + 1)) -> clear = 0
        :: op == OTHER
        :: else -> sector_free(s, op)
        fi;
        if
        :: clear -> begin(s, op)
        :: else
        fi;
        op = 0;
        clear = 0
    }
    :: atomic { /* an answer */
        select(i : 0 .. WINDOW - 1);
        i = s * WINDOW + i;
        if
        :: open[i] != NONE && replies[i] != 0 ->
            bits = replies[i];
            if
            :: bits & BIT(0) -> v = 0
            :: bits & BIT(1) -> v = 1
            :: bits & BIT(2) -> v = 2
            :: bits & BIT(3) -> v = 3
            fi;
            if
            :: open[i] == READ ->
                assert(allowed[i] & BIT(v)); /* read */
#ifndef SHARED
                assert(known[s] == 0 || known[s] == v + 1); /* stable */
                known[s] = v + 1
#endif
            :: open[i] >= WRITE && v == OK ->
                assert(executed & BIT(open[i] - WRITE + 1)); /* truly */
#ifndef SHARED
                known[s] = open[i] - WRITE + 2;
#endif
                acked = acked | BIT(open[i] - WRITE + 1)
            :: else
            fi;
            open[i] = NONE;
            replies[i] = 0;
            allowed[i] = 0;
#ifdef REACH /* reached */
            assert(newest[SESSIONS - 1] < NUMBERS ||
                   acked != BIT(WRITES + 1) - 1 || known[SESSIONS - 1] == 0)
#endif
        :: else
        fi;
        i = 0; v = 0; bits = 0
    }
#endif
    od
}

/* bh_window_infer */
inline infer(s, low)
{
    ahead = (low + WIRE - highest[s] % WIRE) % WIRE;
    if
#ifdef BUG_INFER_SHORT
    :: ahead < WINDOW -> number = highest[s] + ahead
    :: else ->
#else
    :: ahead <= WINDOW -> number = highest[s] + ahead
    :: else ->
#endif
        if
        :: highest[s] + ahead < WIRE -> number = 0
        :: else -> number = highest[s] + ahead - WIRE
        fi
    fi
}

/* lowest_unseen */
inline find_lowest(s)
{
    lowest = highest[s] + 1;
    back = 0;
    do
    :: back < WINDOW ->
        if
        :: (seen[s] & BIT(back)) == 0 -> lowest = highest[s] - back
        :: else
        fi;
        back++
    :: else -> break
    od
}

#define NEW 0
#define SEEN 1
#define OLD 2
#define AHEAD 3

/* bh_window_check */
inline check(s)
{
    find_lowest(s);
    if
    :: number > highest[s] ->
        if
#ifdef BUG_AHEAD_OFF_BY_ONE
        :: number <= lowest + WINDOW -> verdict = NEW
#else
        :: number < lowest + WINDOW -> verdict = NEW
#endif
        :: else -> verdict = AHEAD
        fi
    :: else ->
        back = highest[s] - number;
        if
#ifdef BUG_WINDOW_OFF_BY_ONE
        :: number == 0 || back > WINDOW -> verdict = OLD
#elif defined(BUG_OLD_WRITE_RUNS)
        :: number == 0 -> verdict = OLD
        :: number != 0 && back >= WINDOW -> verdict = NEW
#else
        :: number == 0 || back >= WINDOW -> verdict = OLD
#endif
        :: else ->
            if
            :: seen[s] & BIT(back) -> verdict = SEEN
            :: else -> verdict = NEW
            fi
        fi
    fi
}

/* bh_window_record; n: what the number is in truth */
inline record(s, k, n, result)
{
#ifndef END_TO_END
#ifndef BUG_RECORD_BEFORE_WRITE
    assert((recorded[s] & BIT(n)) == 0); /* twice */
#endif
#endif
    recorded[s] = recorded[s] | BIT(n);
    if
    :: k > highest[s] ->
#ifndef BUG_AHEAD_OFF_BY_ONE
        assert(k - highest[s] <= WINDOW);
#endif
        seen[s] = (seen[s] << (k - highest[s])) & ALL_SEEN;
        highest[s] = k
    :: else
    fi;
    seen[s] = (seen[s] | BIT(highest[s] - k)) & ALL_SEEN;
#ifndef BUG_STATUS_NOT_STORED
    status[SLOT(s, k)] = result;
#endif
    if /* floor */
    :: highest[s] > WINDOW ->
        assert(((BIT(highest[s] - WINDOW + 1) - 2) & ~recorded[s]) == 0)
    :: else
    fi
}

/* A reply to number n leaves: a bit of what it says. */
inline reply(s, n, bits)
{
    if
    :: n + WINDOW > newest[s] && open[SLOT(s, n)] != NONE ->
        replies[SLOT(s, n)] = replies[SLOT(s, n)] | (bits)
    :: else
    fi
}

/* What request n of session s does. An answered one that was no write may be
 * taken for any other. */
inline find_op(s, n)
{
    op = OTHER;
    v = 0;
    do
    :: v < WRITES ->
        if
        :: number_of[v] == n && session_of[v] == s -> op = WRITE + v
        :: else
        fi;
        v++
    :: else -> break
    od;
    if
    :: op == OTHER && n + WINDOW > newest[s] && open[SLOT(s, n)] == READ ->
        op = READ
    :: else
    fi;
    v = 0
}

inline find_idle(s)
{
    idle = 1;
    i = 0;
    do
    :: i < WINDOW -> idle = idle && runs[s * WINDOW + i] == 0; i++
    :: else -> break
    od;
    i = 0
}

/* An ENDING session is gone with its last request. */
inline end_if_idle(s)
{
    find_idle(s);
    if
    :: state[s] == ENDING && idle -> state[s] = GONE
    :: else
    fi;
    idle = 0
}

/* bh_pending_prove: the first command of session 1 */
inline prove(s)
{
#if SESSIONS > 1
    if
    :: state[s] == UNPROVEN ->
        if
        :: state[0] == PROVEN -> state[0] = ENDING
        :: else
        fi;
        end_if_idle(0);
        if
#ifdef BUG_LOCK_MOVES_EARLY
        :: true -> state[s] = PROVEN
#else
        :: state[0] == GONE ->
            find_idle(0);
            assert(idle); /* alone */
            idle = 0;
            state[s] = PROVEN
        :: else /* it waits; or rather comes again */
#endif
        fi
    :: else
    fi;
#endif
    skip
}

/* strict_received */
inline received(s, n)
{
    prove(s);
    if
    :: state[s] == PROVEN ->
        infer(s, n % WIRE);
#ifndef END_TO_END
#ifdef GREEDY
        assert(number == n || n > highest[s] + WINDOW); /* inferred */
#else
        assert(number == n); /* inferred */
#endif
#endif
        check(s);
#ifdef GREEDY
        if
        :: number != n -> verdict = OLD
        :: else
        fi;
#elif !defined(END_TO_END)
        assert(verdict != AHEAD); /* ahead */
#endif
        find_op(s, n);
        if
        :: verdict == NEW && runs[SLOT(s, number)] == 0 ->
            runs[SLOT(s, number)] = n;
            runs_as[SLOT(s, number)] = number;
#ifdef BUG_RECORD_BEFORE_WRITE
            record(s, number, n, OK)
#endif
        :: verdict == SEEN ->
            if
            :: op == READ && status[SLOT(s, number)] == OK ->
                reply(s, n, BIT(disk))
            :: else -> reply(s, n, BIT(status[SLOT(s, number)]))
            fi
        :: else
        fi
    :: else /* error 4 */
    fi;
    ahead = 0; number = 0; lowest = 0; back = 0; verdict = 0; op = 0
}

/* The job of a request is done: its number is recorded, then it is answered. */
inline finished(s, slot)
{
    find_op(s, runs[slot]);
#ifndef BUG_RECORD_BEFORE_WRITE
    record(s, runs_as[slot], runs[slot], did[slot] == 2);
#endif
    if
    :: op == READ -> reply(s, runs[slot], BIT(disk))
    :: else -> reply(s, runs[slot], BIT(did[slot] == 2))
    fi;
    runs[slot] = 0;
    runs_as[slot] = 0;
    did[slot] = 0;
    end_if_idle(s)
}

inline executes(s, slot)
{
#ifndef END_TO_END
    /* overtaken */
    assert((executed & BIT(op - WRITE + 1)) == 0 || disk == op - WRITE + 1);
#if SESSIONS > 1 && !defined(SHARED)
    assert(s == 1 || state[1] != PROVEN); /* alone */
#endif
#endif
    disk = op - WRITE + 1;
    executed = executed | BIT(disk);
    did[slot] = 1
}

/* bh_doubt_examine: what was noted and not recorded. */
inline settle_doubts()
{
#ifdef DOUBTS
    v = 0;
    do
    :: v < WRITES ->
        if
        :: (noted & BIT(v)) && disk == v + 1 &&
           (recorded[session_of[v]] & BIT(number_of[v])) == 0 ->
            record(session_of[v], number_of[v], number_of[v], OK)
        :: else
        fi;
        v++
    :: else -> break
    od;
    v = 0
#endif
    skip
}

/* Whether another write to the sector is done, but not recorded yet: until then
 * nothing that touches the sector goes on (core/queue.c). */
inline find_overlap(s, slot)
{
    i = 0;
    do
    :: i < SESSIONS * WINDOW ->
        overlap = overlap || (op != OTHER && i != slot && did[i] != 0);
        i++
    :: else -> break
    od;
    i = 0
}

inline choose_session()
{
#if SESSIONS > 1
    if
    :: s = 0
    :: s = 1
    fi
#else
    s = 0
#endif
}

proctype server()
{
    byte i, v, op, n, s, slot;
    byte ahead, number, lowest, back, verdict;
    bit idle, overlap;

end:
    do
    :: atomic { /* a datagram arrives: of late, or long ago */
        choose_session();
#if DELAY > NUMBERS
        select(n : 0 .. NUMBERS - 1);
#else
        select(n : 0 .. DELAY - 1);
#endif
        if
        :: n < newest[s] -> n = newest[s] - n; received(s, n)
        :: else
        fi;
        n = 0; s = 0
    }
    :: atomic { /* a job goes on */
        choose_session();
        select(slot : 0 .. WINDOW - 1);
        slot = s * WINDOW + slot;
        if
        :: runs[slot] != 0 ->
            find_op(s, runs[slot]);
            find_overlap(s, slot);
            if
            :: overlap /* it waits */
            :: !overlap && op >= WRITE && did[slot] == 0 ->
#ifdef DOUBTS
                noted = noted | BIT(op - WRITE);
#endif
                if
                :: executes(s, slot)
                :: did[slot] = 2
                fi
            :: else -> finished(s, slot)
            fi;
            op = 0;
            overlap = 0
        :: else
        fi;
        slot = 0; s = 0
    }
#ifndef NO_KILL
    :: atomic { /* killed, and started again */
        i = 0;
        do
        :: i < SESSIONS * WINDOW ->
            runs[i] = 0; runs_as[i] = 0; did[i] = 0; i++
        :: else -> break
        od;
        i = 0;
        settle_doubts();
        if
        :: state[0] == ENDING -> state[0] = PROVEN
        :: state[0] == ENDING -> state[0] = GONE
#ifdef BUG_DISPLACED_COMES_BACK
        :: state[0] == GONE -> state[0] = PROVEN
#endif
        :: else
        fi;
#ifdef BUG_WINDOW_LOST
        highest[0] = 0; seen[0] = ALL_SEEN
#endif
    }
#endif
    od
}

init {
    atomic {
        byte s = 0;
        do
        :: s < SESSIONS ->
            seen[s] = ALL_SEEN;
            run client(s);
            s++
        :: else -> break
        od;
        s = 0;
        state[0] = PROVEN;
#ifdef SHARED
        state[1] = PROVEN;
#endif
        run server()
    }
}
