# Every rounding as written: what is drawn from a seed may not depend on the machine (see vocab_ops.h).
target_compile_options(mlxs_sampling PRIVATE -ffp-contract=off)

# Vectors wider than the registers are passed between inlined functions only, so the ABI that -Wpsabi warns of is unused.
set(sampling_lanes "-Wno-psabi;-O3")
set(sampling_dir "${CMAKE_SOURCE_DIR}/src/sampling")
set_source_files_properties("${sampling_dir}/vocab_ops_scalar.cpp" PROPERTIES COMPILE_OPTIONS "${sampling_lanes}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set_source_files_properties("${sampling_dir}/dispatch.cpp" PROPERTIES COMPILE_DEFINITIONS MLXS_SAMPLING_X86=1)
  set_source_files_properties("${sampling_dir}/vocab_ops_avx2.cpp" PROPERTIES COMPILE_OPTIONS "-mavx2;${sampling_lanes}")
  set_source_files_properties("${sampling_dir}/vocab_ops_avx512.cpp" PROPERTIES COMPILE_OPTIONS
    "-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl;-mprefer-vector-width=512;${sampling_lanes}")
else()
  set_source_files_properties("${sampling_dir}/vocab_ops_avx2.cpp" "${sampling_dir}/vocab_ops_avx512.cpp"
    PROPERTIES HEADER_FILE_ONLY ON)
endif()
