/* SPDX-License-Identifier: MIT */
#include "ctl/show.h"

#include <stdio.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/message.h"
#include "cli/text.h"

#define COLUMNS_MAX 12

void show_text(const json_t *object, const char *key, char text[CELL_LEN])
{
    const char *value = json_string_value(json_object_get(object, key));

    text_clean(text, value == NULL ? "" : value, CELL_LEN - 1);
}

uint64_t show_number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

bool show_flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static void print_cell(const struct column *column, const char *text,
                       size_t width)
{
    if (column->right)
        printf("%*s", (int)(width - text_columns(text)), "");
    /* Nothing is behind the last one. */
    text_pad(stdout, text,
             column->right || column[1].title == NULL ? 0 : width);
    fputs(column[1].title == NULL ? "\n" : "  ", stdout);
}

static void measure(const json_t *list, const struct column *columns,
                    size_t widths[COLUMNS_MAX])
{
    char text[CELL_LEN];

    for (size_t c = 0; columns[c].title != NULL; c++) {
        widths[c] = strlen(columns[c].title);
        for (size_t i = 0; i < json_array_size(list); i++) {
            columns[c].cell(json_array_get(list, i), text);
            if (text_columns(text) > widths[c])
                widths[c] = text_columns(text);
        }
    }
}

void show_table(const json_t *answer, const char *key,
                const struct column *columns)
{
    const json_t *list = json_object_get(answer, key);
    size_t widths[COLUMNS_MAX];
    char text[CELL_LEN];

    measure(list, columns, widths);
    for (size_t c = 0; columns[c].title != NULL; c++)
        print_cell(&columns[c], columns[c].title, widths[c]);
    for (size_t i = 0; i < json_array_size(list); i++) {
        for (size_t c = 0; columns[c].title != NULL; c++) {
            columns[c].cell(json_array_get(list, i), text);
            print_cell(&columns[c], text, widths[c]);
        }
    }
}

int show_json(json_t *answer)
{
    const bool printed = json_dumpf(answer, stdout, JSON_INDENT(2)) == 0;

    json_decref(answer);
    if (printed)
        putchar('\n');
    else if (!ferror(stdout))
        complain("cannot print JSON: out of memory");
    return printed ? EXIT_FINE : EXIT_TROUBLE;
}
