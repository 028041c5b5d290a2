/*
 * site_routes.c - which page answers which path.
 */
#include <string.h>

#include "site.h"
#include "site_page.h"

typedef void page_fn(site_visit *visit, const char *rest);

static const struct {
    const char *path; /* one that ends with '/' takes something behind it */
    const char *method;
    page_fn *page;
} routes[] = {
    {"/", "GET", site_page_front},
    {"/sections", "GET", site_page_sections},
    {"/section/", "GET", site_page_section},
    {"/maintainers", "GET", site_page_maintainers},
    {"/maintainer/", "GET", site_page_maintainer},
    {"/search", "GET", site_page_search},
    {"/package/", "GET", site_page_package},
    {"/needed-by/", "GET", site_page_reverse},
    {"/cache", "GET", site_page_cache},
    {"/cache/clear", "POST", site_page_clear},
};

/* What follows the route's path, or NULL if the path is another. */
static const char *match(const char *route, const char *path) {
    size_t size = strlen(route);
    if (size > 1 && route[size - 1] == '/')
        return strncmp(path, route, size) == 0 && path[size] ? path + size : NULL;
    return strcmp(path, route) == 0 ? path + size : NULL;
}

static int method_fits(const char *method, const char *wanted) {
    return strcmp(method, wanted) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(wanted, "GET") == 0);
}

static void find_page(site_visit *visit) {
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const char *rest = match(routes[i].path, visit->path);
        if (!rest) continue;
        if (method_fits(visit->method, routes[i].method)) {
            routes[i].page(visit, rest);
        } else {
            visit->allow = strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD" : "POST";
            site_fail(visit, 405, "This page does not take that method.");
        }
        return;
    }
    site_fail(visit, 404, "There is no such page.");
}

void site_answer(site_visit *visit) {
    if (visit->status == 200) find_page(visit);
    if (visit->out.failed) {
        site_buf_free(&visit->out);
        visit->status = 200;
        site_fail(visit, 500, "There is not enough memory for this page.");
    }
    if (visit->status >= 400) site_show_problem(visit);
    site_store_leave(visit);
}
