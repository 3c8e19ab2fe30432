// The Python module vision._C_cuda: importing it registers the operators for CUDA tensors; its `architectures` says for
// which it has code, such as "80:90:120+PTX".
#include <Python.h>

#define NBV_QUOTE(text) #text
#define NBV_QUOTE_VALUE(macro) NBV_QUOTE(macro)

PyMODINIT_FUNC PyInit__C_cuda() {
    static PyModuleDef definition = {
        PyModuleDef_HEAD_INIT, "_C_cuda", nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};
    PyObject* module = PyModule_Create(&definition);
    if (module != nullptr &&
        PyModule_AddStringConstant(module, "architectures", NBV_QUOTE_VALUE(NBV_CUDA_ARCHITECTURES)) != 0) {
        Py_DECREF(module);
        return nullptr;
    }
    return module;
}
