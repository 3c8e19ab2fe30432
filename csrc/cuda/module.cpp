// The Python module vision._C_cuda: importing it registers the operators for CUDA tensors.
#include <Python.h>

PyMODINIT_FUNC PyInit__C_cuda() {
    static PyModuleDef module = {
        PyModuleDef_HEAD_INIT, "_C_cuda", nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};
    return PyModule_Create(&module);
}
