# What the CMakeLists.txt of all folders share.
#
#   jaycache_warnings(target)            the project's warnings, for every target of ours
#   jaycache_program(target SOURCE...)   an executable that sees the public headers only
#   jaycache_test(name label COMMAND...) a ctest with a label and a time limit
#   jaycache_require_header(header package [library])
#                                        stops with the Debian package's name when it is missing;
#                                        `library`, if given, is looked for and put into
#                                        <library>_LIBRARY
#   jaycache_add_folder(folder wanted)   add_subdirectory, where wanted and present
#   jaycache_handin(peer header library package)
#                                        libjaycache-<peer> from from_<peer>.c, with its header and
#                                        pkg-config file, where another client's library is found

find_package(Threads REQUIRED)

# Debug builds of all targets check invariants, in the library as well as in the tests.
if(JAYCACHE_DEBUG)
    add_compile_definitions(JAY_DEBUG=1)
    # JAY_ASSERT is made from assert, which release builds define away.
    add_compile_options(-UNDEBUG)
endif()

# All targets of a sanitizer build must be instrumented alike.
if(JAYCACHE_SANITIZE)
    add_compile_options(
        -fsanitize=${JAYCACHE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    )
    add_link_options(-fsanitize=${JAYCACHE_SANITIZE})
endif()

# Hidden everywhere: what a library exports is said by JAY_API alone.
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)

set(JAYCACHE_WARNING_FLAGS
    -Wall
    -Wextra
    -Wpedantic
    -Wshadow
    -Wconversion
    -Wstrict-prototypes
    -Wmissing-prototypes
    -Wold-style-definition
    -Wpointer-arith
    -Wcast-qual
    -Wwrite-strings
    -Wundef
    -Wvla
    -Wformat=2
    -Wswitch-default
    -Wimplicit-fallthrough
    -Wdouble-promotion
)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND JAYCACHE_WARNING_FLAGS -Wlogical-op -Wduplicated-cond -Wjump-misses-init)
endif()

function(jaycache_warnings target)
    target_compile_options(${target} PRIVATE ${JAYCACHE_WARNING_FLAGS})
    if(JAYCACHE_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
endfunction()

function(jaycache_program target)
    add_executable(${target} ${ARGN})
    target_link_libraries(${target} PRIVATE jaycache)
    jaycache_warnings(${target})
endfunction()

# The time limit is there so that a hanging test ends; it measures nothing. Sanitizers are slow.
if(JAYCACHE_SANITIZE)
    set(JAYCACHE_TEST_LIMIT_S 900)
else()
    set(JAYCACHE_TEST_LIMIT_S 300)
endif()

function(jaycache_test name label)
    add_test(NAME ${name} COMMAND ${ARGN})
    set_tests_properties(
        ${name} PROPERTIES LABELS ${label} TIMEOUT ${JAYCACHE_TEST_LIMIT_S} SKIP_RETURN_CODE 77
    )
endfunction()

function(jaycache_require_header header package)
    string(MAKE_C_IDENTIFIER "JAYCACHE_HAVE_${header}" found)
    find_path(${found} ${header})
    mark_as_advanced(${found})
    if(NOT ${found})
        message(FATAL_ERROR "<${header}> is missing. On Debian: apt-get install ${package}")
    endif()
    if(ARGC GREATER 2)
        set(library ${ARGV2})
        find_library(${library}_LIBRARY ${library})
        mark_as_advanced(${library}_LIBRARY)
        if(NOT ${library}_LIBRARY)
            message(FATAL_ERROR "lib${library} is missing. On Debian: apt-get install ${package}")
        endif()
    endif()
endfunction()

function(jaycache_add_folder folder wanted)
    if(wanted AND EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt")
        add_subdirectory(${folder})
    endif()
endfunction()

function(jaycache_handin peer header library package)
    string(TOUPPER ${peer} NAME)
    find_path(${NAME}_INCLUDE ${header})
    find_library(${NAME}_LIBRARY ${library})
    mark_as_advanced(${NAME}_INCLUDE ${NAME}_LIBRARY)
    if(NOT ${NAME}_INCLUDE OR NOT ${NAME}_LIBRARY)
        message(STATUS "no libjaycache-${peer}; on Debian: apt-get install ${package}")
        return()
    endif()
    set(target jaycache_${peer})
    add_library(${target} SHARED from_${peer}.c)
    target_link_libraries(${target} PUBLIC jaycache PRIVATE "${${NAME}_LIBRARY}")
    target_include_directories(${target} SYSTEM PUBLIC "${${NAME}_INCLUDE}")
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    set_target_properties(
        ${target}
        PROPERTIES OUTPUT_NAME jaycache-${peer}
                   SOVERSION 0
                   VERSION ${PROJECT_VERSION}
    )
    jaycache_warnings(${target})
    install(TARGETS ${target} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(
        FILES "${PROJECT_SOURCE_DIR}/include/jaycache/${peer}.h"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/jaycache"
    )
    configure_file(jaycache-${peer}.pc.in jaycache-${peer}.pc @ONLY)
    install(
        FILES "${CMAKE_CURRENT_BINARY_DIR}/jaycache-${peer}.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
    )
endfunction()
