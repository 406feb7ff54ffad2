# Of each pair of files the one for this system.
if(APPLE)
  set(other_system linux)
else()
  set(other_system macos)
endif()
set_source_files_properties("${CMAKE_SOURCE_DIR}/src/telemetry/process_memory_${other_system}.cpp"
                            PROPERTIES HEADER_FILE_ONLY TRUE)
