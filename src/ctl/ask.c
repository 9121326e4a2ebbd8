/* SPDX-License-Identifier: MIT */
#include "ctl/ask.h"

#include "cli/exit_code.h"
#include "cli/message.h"
#include "ctl/link.h"
#include "ctl/options.h"
#include "ctl/show.h"

static int answered(const struct options *options, int code, json_t **answer)
{
    if (code == EXIT_FINE && options->json) {
        code = show_json(*answer);
        *answer = NULL;
    }
    return code;
}

int ask(const struct options *options, json_t *request, json_t **answer)
{
    *answer = NULL;
    if (request == NULL) { /* JSON is UTF-8 */
        complain("an operand is no UTF-8; a volume can be named by its "
                 "number, such as :7");
        return EXIT_USAGE;
    }
    return answered(options, link_ask(options->link, request, answer), answer);
}

int ask_list(const struct options *options, const char *key, json_t **answer)
{
    return answered(options, link_list(options->link, key, answer), answer);
}

int ask_order(const struct options *options, json_t *request)
{
    json_t *answer;
    const int code = ask(options, request, &answer);

    json_decref(answer);
    return code;
}
