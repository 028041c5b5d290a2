/*
 * site_sidebar.c - the personal sidebar: a greeting, what the visitor saw lately, and what might
 * interest them. It is cached for each visitor for five minutes as sidebar_for/user<ID>.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "site.h"
#include "site_template.h"
#include "site_visitors.h"

enum { RECENT = 6, SUGGESTED = 4 };

/* Visitors have numbers; a bird is easier to remember. */
static void put_name(site_model *model, int64_t visitor) {
    static const char *const kinds[] = {
        "Quiet", "Early", "Curious", "Swift", "Bright", "Patient", "Bold", "Gentle",
        "Merry", "Wise",  "Nimble",  "Proud", "Sunny",  "Wild",    "Keen", "Calm",
    };
    static const char *const birds[] = {
        "Jay",    "Wren",     "Heron",  "Magpie", "Finch",   "Swallow", "Kestrel", "Robin",
        "Siskin", "Bluebird", "Plover", "Oriole", "Sparrow", "Dunnock", "Lapwing", "Nuthatch",
    };
    site_put_format(model, "name", "%s %s", kinds[visitor % 16], birds[visitor / 16 % 16]);
}

static void put_greeting(site_model *model) {
    time_t now = time(NULL);
    struct tm local;
    char made[16] = "";
    int hour = 12;
    if (localtime_r(&now, &local)) {
        hour = local.tm_hour;
        strftime(made, sizeof(made), "%H:%M:%S", &local);
    }
    site_put(model, "made", made);
    site_put(model, "greeting",
             hour < 5    ? "Good night"
             : hour < 11 ? "Good morning"
             : hour < 18 ? "Good day"
                         : "Good evening");
}

/* Reads the names first: each is then asked for by queries of its own. */
static size_t read_recent(site_visit *visit, char names[RECENT][132]) {
    size_t count = 0;
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_VISIT_RECENT);
    sqlite3_bind_int64(rows, 1, visit->visitor);
    sqlite3_bind_int(rows, 2, RECENT);
    while (site_next(visit, rows)) {
        const char *name = (const char *)sqlite3_column_text(rows, 0);
        if (name && count < RECENT) snprintf(names[count++], 132, "%s", name);
    }
    return count;
}

static int is_among(char names[][132], size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return 1;
    return 0;
}

static void put_history(site_visit *visit, site_model *model) {
    char recent[RECENT][132];
    char known[RECENT + SUGGESTED][132];
    size_t suggested = 0, count = read_recent(visit, recent);
    memcpy(known, recent, sizeof(recent));
    site_put(model, "any_recent", count ? "yes" : NULL);
    for (size_t i = 0; i < count; i++) {
        sqlite3_stmt *rows = site_query(visit, SITE_QUERY_SUMMARY);
        site_bind_text(rows, 1, recent[i]);
        while (site_next(visit, rows)) site_put_columns(site_put_row(model, "recent"), rows);
    }
    for (size_t i = 0; i < count && suggested < SUGGESTED; i++) {
        sqlite3_stmt *rows = site_query(visit, SITE_QUERY_SUGGESTIONS);
        site_bind_text(rows, 1, recent[i]);
        while (site_next(visit, rows)) {
            const char *name = (const char *)sqlite3_column_text(rows, 0);
            if (!name || suggested == SUGGESTED || is_among(known, count + suggested, name))
                continue;
            snprintf(known[count + suggested++], 132, "%s", name);
            site_put_columns(site_put_row(model, "suggested"), rows);
        }
    }
    site_put(model, "any_suggested", suggested ? "yes" : NULL);
}

void site_sidebar_make(site_visit *visit, const void *arg, site_buf *out) {
    (void)arg;
    site_model *model = site_model_create();
    put_greeting(model);
    if (!visit->visitor_is_new) {
        put_name(model, visit->visitor);
        put_history(visit, model);
    }
    site_render("sidebar.html", model, out);
    site_model_destroy(model);
}
