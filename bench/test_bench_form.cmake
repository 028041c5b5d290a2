# Runs PROGRAM, bench_memory, on very little data and checks what it prints with --json: each line an object of the
# agreed form, no figure twice, and every figure there that has a name agreed upon. Never the speed.
cmake_minimum_required(VERSION 3.25)

function(run out)
    execute_process(
        COMMAND ${PROGRAM} --quick --items 3000 --slot-ms 1 ${ARGN}
        OUTPUT_VARIABLE output
        RESULT_VARIABLE status
    )
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "${PROGRAM} ${ARGN} ended with ${status}")
    endif()
    set(${out} "${output}" PARENT_SCOPE)
endfunction()

function(check_number line key)
    string(JSON type ERROR_VARIABLE error TYPE "${line}" ${key})
    if(NOT type STREQUAL "NUMBER")
        message(FATAL_ERROR "\"${key}\" is no number in: ${line}")
    endif()
endfunction()

run(output --json --rounds 5)
string(STRIP "${output}" output)
string(REPLACE "\n" ";" lines "${output}")
set(names "")
foreach(line IN LISTS lines)
    string(JSON name ERROR_VARIABLE error GET "${line}" figure)
    string(JSON unit ERROR_VARIABLE unit_error GET "${line}" unit)
    string(JSON members ERROR_VARIABLE members_error LENGTH "${line}")
    if(error OR unit_error OR NOT members EQUAL 6)
        message(FATAL_ERROR "this is no figure: ${line}")
    endif()
    if(NOT name MATCHES "^[a-z0-9_]+(\\.[A-Za-z0-9_]+)+$")
        message(FATAL_ERROR "the figure's name is malformed: ${line}")
    endif()
    foreach(key value min max runs)
        check_number("${line}" ${key})
    endforeach()
    if(name IN_LIST names)
        message(FATAL_ERROR "the figure comes twice: ${name}")
    endif()
    list(APPEND names "${name}")
endforeach()

set(wanted
    memory.get.100B.zipf.1t.vs_limit
    memory.get.100B.uniform.1t.vs_limit
    memory.get.1KiB.zipf.1t.vs_limit
    memory.get_many16.100B.zipf.1t.vs_get
    memory.get.100B.zipf.2t.vs_1t
    memory.view.16KiB.zipf.1t.vs_copy
    memory.bytes_per_item.over_payload
)
# Those that need another cache are there when it was found at configure time.
if(output MATCHES "\"glib_lru\\.|\"uthash\\.|\"rocksdb_lru\\.|\"tbb\\.|\"lmdb\\.")
    list(
        APPEND
        wanted
        memory.get.100B.zipf.1t.vs_best_peer
        memory.get.100B.zipf.2t.vs_best_peer
        memory.mix5050.100B.zipf.2t.vs_best_peer
    )
endif()
if(output MATCHES "\"memcached_unix\\.")
    list(APPEND wanted memory.get.100B.zipf.1t.vs_memcached_unix)
endif()
if(output MATCHES "\"shm\\.")
    list(APPEND wanted shm.get.100B.zipf.1t.vs_memory)
endif()
foreach(name IN LISTS wanted)
    if(NOT name IN_LIST names)
        message(FATAL_ERROR "the figure is missing: ${name}")
    endif()
    run(alone --json --rounds 1 --filter ${name})
    string(JSON alone_name ERROR_VARIABLE error GET "${alone}" figure)
    if(NOT alone_name STREQUAL name)
        message(FATAL_ERROR "--filter ${name} gave: ${alone}")
    endif()
endforeach()

run(table --rounds 1 --filter vs_limit)
if(NOT table MATCHES "memory.get.100B.zipf.1t.vs_limit[^\n]* >= 0.8 ")
    message(FATAL_ERROR "the table has no goals:\n${table}")
endif()

execute_process(
    COMMAND ${PROGRAM} --items 12monkeys
    RESULT_VARIABLE status
    ERROR_VARIABLE message
    OUTPUT_QUIET
)
if(NOT status EQUAL 2 OR NOT message MATCHES "--items takes a number")
    message(FATAL_ERROR "a malformed number ended with ${status}: ${message}")
endif()

list(LENGTH names count)
message(STATUS "${count} figures, all well-formed")
