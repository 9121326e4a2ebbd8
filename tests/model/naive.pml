/* SPDX-License-Identifier: MIT */
/*
 * A default client that does not count (core/count.h), but gives every request
 * the same number, or a random one: it loses no write, as long as nothing
 * outlives its time-out. It runs for ever.
 *
 * Modelled: a client that writes and reads one sector and waits for each
 * answer; it sends again at any time, and goes on when nothing is under way any
 * more (that is what "nothing outlives its time-out" means for it); the
 * server's rule, line by line as in core/count.c, and how it treats a copy of
 * what is under way (core/command.c, repeated()); a network of two datagrams
 * each way that loses, doubles and reorders; a server that is killed at any
 * moment and comes back with what it knew of the numbers, while the write that
 * ran may have hit the disk.
 *
 * Abstracted away: SPACE numbers instead of 256, RUN instead of 8; three values
 * stand for all data; a third request under way is lost.
 *
 * Assertions, by the numbers of core/count.h:
 *  [1]  no WRITE is dropped: `dropped`
 *  [2]  a naive client stays so: `naive`
 *  [e]  an acknowledged write is on the disk, and a read returns it: `lost`
 *
 * Switches: RANDOM: any number, but not RUN in a row, each one more; ANY: with
 * such rows too, which the promise leaves out: refuted. AT_ONCE: the client
 * goes on as soon as it has its answer; that is enough if the network doubles
 * nothing and the client sends again only when nothing is under way
 * (NO_DOUBLES), and refuted otherwise.
 */
#ifndef SPACE
#define SPACE 8
#endif
#ifndef RUN
#define RUN 3
#endif
#define READ 0 /* other values: a WRITE of them */

chan requests = [2] of { byte, byte }; /* number, value or READ */
chan answers = [2] of { byte, byte };  /* number, value of a READ */

/* The client. */
byte seq, wanted;
bit waits;
byte value;       /* on the disk, as the client knows */
byte row;         /* of its numbers */

/* The server. */
byte highest, in_a_row, disk;
bit naive;
bit busy, queued; /* a request is under way, and one after it */
#ifdef BUG_SAME_NUMBER_NOT_RUN
byte old_highest;
#endif
byte run_seq, run_value, next_seq, next_value;
bit mute;         /* the one under way gets no answer */

#define COUNTS (!naive && in_a_row >= RUN)
#define DRAINED (len(requests) == 0 && len(answers) == 0 && !busy)

proctype client()
{
    byte s, v;

end:
    do
    :: atomic { /* a new request */
#ifdef AT_ONCE
        !waits ->
#else
        !waits && DRAINED ->
#endif
#if defined(RANDOM) || defined(ANY)
        select(s : 0 .. SPACE - 1);
        if
        :: s == (seq + 1) % SPACE -> row = (row < RUN -> row + 1 : row)
        :: s == seq
        :: else -> row = 0
        fi;
#ifndef ANY
        if
        :: row >= RUN -> s = (s + 1) % SPACE; row = 0
        :: else
        fi;
#endif
        seq = s;
        s = 0;
#endif
        if
        :: wanted = READ
        :: wanted = value % 3 + 1; value = wanted
        fi;
        waits = 1;
        if
        :: nfull(requests) -> requests ! seq, wanted
        :: full(requests)
        fi
    }
    :: atomic { /* again */
#ifdef NO_DOUBLES
        waits && DRAINED ->
#else
        waits && nfull(requests) ->
#endif
        requests ! seq, wanted
    }
    :: atomic { /* an answer, or one that is not for this request */
        answers ? s, v ->
        if
        :: waits && s == seq ->
            waits = 0;
            assert(wanted == READ || disk == value); /* lost */
            assert(wanted != READ || v == value) /* lost */
        :: else
        fi;
        s = 0;
        v = 0
    }
    od
}

proctype network()
{
    byte s, v;

end:
    do
    :: atomic { requests ? s, v; s = 0; v = 0 } /* lost */
    :: atomic { answers ? s, v; s = 0; v = 0 }
    :: atomic { /* overtaken */
        len(requests) == 2 -> requests ? s, v; requests ! s, v; s = 0; v = 0
    }
    :: atomic {
        len(answers) == 2 -> answers ? s, v; answers ! s, v; s = 0; v = 0
    }
#ifndef NO_DOUBLES
    :: atomic { /* doubled */
        len(requests) == 1 -> requests ? s, v; requests ! s, v;
        requests ! s, v; s = 0; v = 0
    }
    :: atomic {
        len(answers) == 1 -> answers ? s, v; answers ! s, v;
        answers ! s, v; s = 0; v = 0
    }
#endif
    od
}

/* bh_count_check, and what becomes of the request */
inline count_check()
{
    step = (s + SPACE - highest) % SPACE;
    if
    :: step >= SPACE / 2 && COUNTS ->
        assert(v == READ); /* dropped */
        drop = 0
    :: !(step >= SPACE / 2 && COUNTS) && step != 0 ->
        naive = naive || busy;
        if
        :: !COUNTS -> in_a_row = (step == 1 -> in_a_row + 1 : 0)
        :: else
        fi;
        highest = s
    :: !(step >= SPACE / 2 && COUNTS) && step == 0
    fi;
    step = 0
}

inline finished()
{
    if
    :: run_value != READ -> disk = run_value
    :: else
    fi
}

inline next_one()
{
    busy = queued;
    run_seq = next_seq;
    run_value = next_value;
    queued = 0;
    mute = 0;
    next_seq = 0;
    next_value = 0
}

proctype server()
{
    byte s, v, step;
    bit drop, was_naive;

end:
    do
    :: atomic {
        requests ? s, v ->
        if /* repeated() */
        :: busy && run_seq == s && run_value == v && !mute -> drop = 1
        :: busy && run_seq == s && !(run_value == v && !mute) -> mute = 1
        :: else
        fi;
        if
        :: !drop && queued && next_seq == s && next_value == v -> drop = 1
        :: else
        fi;
        was_naive = naive;
        if
        :: !drop -> count_check()
        :: else
        fi;
#ifdef BUG_SAME_NUMBER_NOT_RUN
        if
        :: !drop && s == old_highest && v != READ && nfull(answers) ->
            answers ! s, 0;
            drop = 1
        :: else
        fi;
        old_highest = highest;
#endif
        assert(naive >= was_naive); /* naive */
        if
        :: !drop && !busy -> busy = 1; run_seq = s; run_value = v
        :: !drop && busy && !queued ->
            queued = 1; next_seq = s; next_value = v
        :: else
        fi;
        s = 0; v = 0; drop = 0; was_naive = 0
    }
    :: atomic { /* a job is done, and the request answered */
        busy ->
#ifndef BUG_ANSWERS_BEFORE_WRITE
        finished();
#endif
        if
        :: nfull(answers) && !mute ->
            answers ! run_seq, (run_value == READ -> disk : 0)
        :: full(answers) || mute
        fi;
#ifdef BUG_ANSWERS_BEFORE_WRITE
        if
        :: finished()
        :: true /* killed in between */
        fi;
#endif
        next_one()
    }
    :: atomic { /* killed, and started again */
        busy ->
        if
        :: finished()
        :: true
        fi;
        next_one();
        busy = 0; run_seq = 0; run_value = 0
    }
    od
}

init {
    atomic { run client(); run network(); run server() }
}
