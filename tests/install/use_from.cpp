/*
 * use_from.cpp - both public headers from C++, in a program that works through them.
 */
#include <jaycache/backend.h>
#include <jaycache/jaycache.h>

#include <cstdio>

int main() {
    jay_cache *cache = NULL;
    jay_error error;
    if (jay_open("memory:?max_items=500", NULL, &cache, &error) != JAY_OK) {
        std::fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    jay_value value = JAY_VALUE_INIT;
    jay_set_str(cache, "foo", "value", JAY_TTL_DEFAULT);
    if (jay_get_str(cache, "foo", &value) == JAY_OK)
        std::puts(static_cast<const char *>(value.data));
    jay_value_release(&value);

    jay_backend_ops ops = jay_backend_ops();
    ops.struct_size = sizeof ops;
    ops.abi = JAY_BACKEND_ABI;
    ops.scheme = "empty";
    jay_options *options = NULL;
    if (jay_options_create(NULL, &options) != JAY_OK) return 1;
    // A table without functions must be refused.
    int status = jay_options_add_backend(options, &ops, &error);
    jay_options_destroy(options);
    return status == JAY_E_ARGUMENT && jay_close(cache) == JAY_OK ? 0 : 1;
}
