/* SPDX-License-Identifier: MIT */
#include "ctl/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/message.h"
#include "cli/text.h"
#include "ctl/place.h"

#define ANSWER_LEN_MAX ((size_t)16 << 20)

void link_init(struct link *link, const char *path)
{
    *link = (struct link){.path = path, .fd = -1};
}

void link_close(struct link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    free(link->bytes);
    link_init(link, NULL);
}

static int give_up(const char *what, int error)
{
    complain("cannot %s: %s", what,
             error == EAGAIN ? "it does not answer" : strerror(error));
    return EXIT_TROUBLE;
}

static int send_all(struct link *link, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t sent = send(link->fd, bytes, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return give_up("ask the server", errno);
        bytes += sent;
        len -= (size_t)sent;
    }
    return EXIT_FINE;
}

static int make_room(struct link *link)
{
    const size_t room = link->room == 0 ? 65536 : link->room * 2;
    char *grown;

    if (link->len < link->room)
        return EXIT_FINE;
    if (room > ANSWER_LEN_MAX)
        return give_up("read the server's answer", EMSGSIZE);
    grown = realloc(link->bytes, room);
    if (grown == NULL)
        return give_up("read the server's answer", ENOMEM);
    link->bytes = grown;
    link->room = room;
    return EXIT_FINE;
}

/* Reads a line; nothing comes behind it. */
static int receive_line(struct link *link)
{
    link->len = 0;
    for (;;) {
        ssize_t count;

        if (make_room(link) != EXIT_FINE)
            return EXIT_TROUBLE;
        count =
            recv(link->fd, link->bytes + link->len, link->room - link->len, 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return give_up("read the server's answer", errno);
        if (count == 0) {
            complain("the server has hung up; its log may say why");
            return EXIT_TROUBLE;
        }
        link->len += (size_t)count;
        if (link->bytes[link->len - 1] == '\n')
            return EXIT_FINE;
    }
}

static int exchange(struct link *link, const json_t *request)
{
    char *line = json_dumps(request, JSON_COMPACT);
    int code;

    if (line == NULL)
        return give_up("ask the server", ENOMEM);
    code = send_all(link, line, strlen(line));
    if (code == EXIT_FINE)
        code = send_all(link, "\n", 1);
    if (code == EXIT_FINE)
        code = receive_line(link);
    free(line);
    return code;
}

static int refused(const json_t *answer)
{
    const char *error = json_string_value(json_object_get(answer, "error"));
    char clean[512];

    if (error == NULL)
        error = "the server has refused, and does not say why";
    text_clean(clean, error, strnlen(error, sizeof(clean) - 1));
    complain("%s", clean);
    return EXIT_NEGATIVE;
}

static int understand(const struct link *link, json_t **answer)
{
    const json_t *ok;

    *answer = json_loadb(link->bytes, link->len, 0, NULL);
    ok = json_object_get(*answer, "ok");
    if (json_is_true(ok))
        return EXIT_FINE;
    if (json_is_false(ok))
        return refused(*answer);
    complain("the server's answer makes no sense: is %s a control socket?",
             link->path != NULL ? link->path : "that");
    return EXIT_TROUBLE;
}

int link_ask(struct link *link, json_t *request, json_t **answer)
{
    int code = EXIT_FINE;

    *answer = NULL;
    if (link->fd < 0)
        link->fd = place_connect(link->path);
    if (link->fd < 0)
        code = EXIT_TROUBLE;
    if (code == EXIT_FINE)
        code = exchange(link, request);
    json_decref(request);
    if (code == EXIT_FINE)
        code = understand(link, answer);
    if (code == EXIT_FINE) {
        json_object_del(*answer, "ok");
        return EXIT_FINE;
    }
    json_decref(*answer);
    *answer = NULL;
    return code;
}

/* The next part; `*next` is where the one behind it begins, or 0. */
static int ask_part(struct link *link, const char *key, json_int_t *next,
                    json_t **part)
{
    json_t *request = json_pack("{s:s,s:I}", "do", key, "from", *next);
    const json_int_t from = *next;
    const int code = link_ask(link, request, part);

    *next = json_integer_value(json_object_get(*part, "next"));
    if (*next <= from)
        *next = 0;
    return code;
}

int link_list(struct link *link, const char *key, json_t **answer)
{
    json_int_t next = 0;
    int code = ask_part(link, key, &next, answer);

    while (code == EXIT_FINE && next != 0) {
        json_t *part;

        code = ask_part(link, key, &next, &part);
        json_array_extend(json_object_get(*answer, key),
                          json_object_get(part, key));
        json_decref(part);
    }
    if (code == EXIT_FINE) {
        json_object_del(*answer, "next");
        return EXIT_FINE;
    }
    json_decref(*answer);
    *answer = NULL;
    return code;
}
