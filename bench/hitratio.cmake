# bench_hitratio, its simulators and their tests.
add_subdirectory(policies)
